package mux

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestYamuxClosedStream: what comes for a stream that is closed here is dropped and its window given back, so
// that the peer can finish; one that never does is reset.
func TestYamuxClosedStream(t *testing.T) {
	e, r := rawPeer(t, false, nil)
	fill := make([]byte, yamuxWindow)
	r.send(yamuxData, yamuxSYN, 1, yamuxWindow, fill...) // the window is used up, nothing is read
	r.sync()
	st := <-e.acc.streams
	st.Write([]byte("answer"))
	st.Close()
	r.want(yamuxData, yamuxACK, 1, 6)
	r.want(yamuxWindowUpdate, 0, 1, yamuxWindow)
	r.want(yamuxWindowUpdate, yamuxFIN, 1, 0)
	for range yamuxLingerBytes / yamuxWindow {
		r.send(yamuxData, 0, 1, yamuxWindow, fill...)
		r.want(yamuxWindowUpdate, 0, 1, yamuxWindow)
	}
	r.send(yamuxData, 0, 1, 1, 'x')
	r.want(yamuxWindowUpdate, yamuxRST, 1, 0)
	r.send(yamuxData, 0, 1, 5, []byte("still")...)
	if got := r.sync(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	waitNoStreams(t, e)
}

// TestYamuxClosedRead: as long as this side sends, the stream is not reset.
func TestYamuxClosedRead(t *testing.T) {
	e, r := rawPeer(t, false, nil)
	r.send(yamuxWindowUpdate, yamuxSYN, 1, 0)
	st := <-e.acc.streams
	st.CloseRead()
	fill := make([]byte, yamuxWindow)
	r.send(yamuxData, 0, 1, 100, fill[:100]...)
	for back := 0; back < 100; { // by STOP, or by what is dropped after it
		h, _ := r.next()
		back += int(h.length)
	}
	for range 2 * yamuxLingerBytes / yamuxWindow {
		r.send(yamuxData, 0, 1, yamuxWindow, fill...)
		r.want(yamuxWindowUpdate, 0, 1, yamuxWindow)
	}
	st.Write([]byte("on"))
	r.want(yamuxData, 0, 1, 2)
	st.CloseWrite()
	r.want(yamuxWindowUpdate, yamuxFIN, 1, 0)
	r.send(yamuxData, yamuxFIN, 1, 3, 'e', 'n', 'd')
	r.sync()
	waitNoStreams(t, e)
}

// TestYamuxLinger: a stream closed here whose peer never ends it is reset after five minutes.
func TestYamuxLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, false, nil)
		r.send(yamuxWindowUpdate, yamuxSYN, 1, 0)
		r.send(yamuxWindowUpdate, yamuxSYN, 3, 0)
		one, three := <-e.acc.streams, <-e.acc.streams
		one.Close()
		three.CloseWrite() // reads on: not closed
		start := time.Now()
		for {
			h, _ := r.next()
			if h.kind == yamuxPing {
				r.send(yamuxPing, yamuxACK, 0, h.length)
			}
			if h.flags == yamuxRST {
				if h.id != 1 {
					t.Errorf("reset of stream %d", h.id)
				}
				break
			}
		}
		if d := time.Since(start); d < 5*time.Minute || d > 5*time.Minute+DefaultYamuxHeartbeat {
			t.Errorf("reset after %v", d)
		}
		r.send(yamuxData, yamuxFIN, 3, 2, 'o', 'k')
		if got, err := io.ReadAll(three); string(got) != "ok" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		synctest.Wait()
		if n := e.s.Count(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// TestYamuxWindowGrows: a path of 50 ms is filled though windows begin at 256 KiB.
func TestYamuxWindowGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memPair(t, memnet.WithBuffer(16<<20), memnet.WithLatency(25*time.Millisecond))
		c, s := newOurs(t, a, true, nil), newOurs(t, b, false, nil)
		x, y := openBoth(t, c, s)
		start := time.Now()
		go func() {
			x.Write(make([]byte, 32<<20))
			x.Close()
		}()
		n, err := io.Copy(io.Discard, y)
		if n != 32<<20 || err != nil {
			t.Fatal(n, err)
		}
		d := time.Since(start)
		t.Logf("32 MiB in %v, window %d", d, y.(*Stream).window)
		if d > 3*time.Second { // 256 KiB per round trip: 6.4 s
			t.Errorf("32 MiB took %v", d)
		}
		y.Close()
		synctest.Wait()
		if used, _ := s.s.Granted(); used != 0 {
			t.Errorf("%d bytes of the budget are used", used)
		}
	})
}
