package conn

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestResumeGivesUp: a resume waits for the old carrier's reader no longer than its handshake may take, and for another
// resume neither. A later one gets the session.
func TestResumeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{HandshakeTimeout: DefaultHandshakeTimeout})
		entered, leave := make(chan struct{}), make(chan struct{})
		frames := 0
		x.st.onFrame = func(_ frame.Header, r *frame.Reader) error {
			_, err := r.Payload()
			if frames++; frames == 1 {
				close(entered)
				<-leave
			}
			return err
		}
		send(x.c, 1, []byte("once"))
		<-entered
		x.near.Cut()
		synctest.Wait()
		gone := make(chan time.Duration, 3)
		start := time.Now()
		for i := range 3 {
			near, far := memnet.Pipe()
			go func() {
				_, _, err := Accept(context.Background(), far, x.cfg)
				if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, frame.Aborted) { // by the next, at the same time
					t.Errorf("Accept = %v", err)
				}
				gone <- time.Since(start)
			}()
			go x.c.Resume(t.Context(), near)
			<-time.After(time.Duration(i) * time.Millisecond)
		}
		for range 3 {
			if d := (<-gone).Round(10 * time.Millisecond); d != DefaultHandshakeTimeout {
				t.Errorf("it took %v", d)
			}
		}
		close(leave)
		synctest.Wait()
		near, _ := x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatal(err)
		}
		send(x.c, 1, []byte("next"))
		<-time.After(time.Second)
		synctest.Wait()
		if frames != 2 || x.s.State() != StateUp {
			t.Errorf("%d frames came of 2, the link is %v", frames, x.s.State())
		}
	})
}

// TestBrokenHoldsNoCarrier: of a carrier that is gone a link keeps the addresses, and no buffer.
func TestBrokenHoldsNoCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		local, remote := x.s.LocalAddr(), x.s.RemoteAddr()
		x.cut()
		for _, l := range []*Link{x.c, x.s} {
			if c := l.carrier(); c.fr != nil || c.control != nil || c.sock != nil {
				t.Error("a buffer is left")
			}
			nc := l.NetConn()
			if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read = %v", err)
			}
			if _, err := nc.Write(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write = %v", err)
			}
		}
		if x.s.LocalAddr() != local || x.s.RemoteAddr() != remote {
			t.Errorf("addresses %v, %v", x.s.LocalAddr(), x.s.RemoteAddr())
		}
		near, _ := x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatal(err)
		}
		x.exchange(1)
	})
}
