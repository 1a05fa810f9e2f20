package gantline

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/mux"
)

// TestMemoryLimit: what is granted is counted for the process and the End, and comes back when Ends close.
func TestMemoryLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := Memory()
		got, release := make(chan int), make(chan struct{})
		c, s := Pipe(nil, nil)
		s.Handle("hold", HandlerFunc(func(_ context.Context, r *Request) ([]byte, error) {
			got <- len(r.Body)
			<-release
			return nil, nil
		}))
		st, err := c.OpenStream(t.Context())
		must(t, err)
		go st.Write(make([]byte, 1<<20))
		peer, err := s.AcceptStream(t.Context())
		must(t, err)
		_, err = peer.Read(make([]byte, 1))
		must(t, err)
		const size = 3 << 20
		go c.Call(t.Context(), "hold", make([]byte, size))
		if n := <-got; n != size {
			t.Errorf("%d bytes came", n)
		}
		synctest.Wait()
		m, own := Memory(), s.Stats()
		if m.Streams-before.Streams != mux.DefaultWindow || own.StreamMemory != mux.DefaultWindow {
			t.Errorf("%+v and %+v: want a window more than in %+v", m, own, before)
		}
		if m.Limit != before.Limit || m.Beyond != before.Beyond || m.Waiting != 0 {
			t.Errorf("%+v", m)
		}
		close(release)
		closeBoth(c, s)
		if m := Memory(); m != before {
			t.Errorf("%+v after the Ends have closed, %+v before", m, before)
		}
	})
}

// TestSetMemoryLimit: the parts follow the whole.
func TestSetMemoryLimit(t *testing.T) {
	first := SetMemoryLimit(-1) // GOMEMLIMIT may have lowered it
	if old := SetMemoryLimit(64 << 20); old != first || first > DefaultMemoryLimit {
		t.Errorf("the limit was %d", old)
	}
	defer SetMemoryLimit(first)
	for range 2 {
		m := mux.Memory()
		_, logs := conn.LogMemory()
		if m.WindowLimit != 32<<20 || m.BodyLimit != 16<<20 || logs != 16<<20 || Memory().Limit != 64<<20 {
			t.Errorf("windows %d, bodies %d, logs %d of %d", m.WindowLimit, m.BodyLimit, logs, Memory().Limit)
		}
		if old := SetMemoryLimit(-1); old != 64<<20 {
			t.Errorf("the limit is %d", old)
		}
	}
	defaults := mux.DefaultProcessWindows + mux.DefaultProcessBodies + conn.DefaultLogMemory
	if defaults != DefaultMemoryLimit || mux.DefaultProcessWindows != DefaultMemoryLimit/2 || mux.DefaultProcessBodies != DefaultMemoryLimit/4 {
		t.Errorf("the defaults of the parts add up to %d", defaults)
	}
}
