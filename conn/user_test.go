package conn

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestCloseInside calls Close from user code on the reader goroutine: it must
// not wait for itself, and the goodbye goes on after it has returned.
func TestCloseInside(t *testing.T) {
	for name, unacked := range map[string]bool{"everything acknowledged": false, "not acknowledged": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe()
				c, s := shake(t, a, b, nil, nil)
				ct, st := newTap(), newTap()
				result := make(chan error, 1)
				begin := time.Now()
				var took time.Duration
				ct.onFrame = func(frame.Header, *frame.Reader) error {
					if unacked {
						send(c, 1, []byte("answer"))
					}
					c.EnterUser()
					result <- c.Close(context.Background(), frame.OK, "from inside")
					took = time.Since(begin)
					c.LeaveUser()
					return nil
				}
				c.Start(ct)
				s.Start(st)
				send(s, 2, []byte("x"))
				err := <-result
				if errors.Is(err, errInHandler) != unacked || (err == nil) == unacked {
					t.Errorf("got %v", err)
				}
				err = st.wantClose(t)
				var ce *ClosedError
				if !errors.As(err, &ce) || ce.Text != "from inside" || (len(st.got()) == 1) != unacked {
					t.Errorf("the peer got %v", err)
				}
				<-c.Done()
				if took > 3*userGrace {
					t.Errorf("Close took %v", took)
				}
				if err := c.Close(context.Background(), 0, ""); err != nil {
					t.Errorf("in the end: %v", err)
				}
			})
		})
	}
}

// TestCloseBeside calls Close while the reader is inside user code for a
// moment: it waits for it.
func TestCloseBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		c, s := shake(t, a, b, nil, nil)
		ct := newTap()
		inside := make(chan struct{})
		ct.onFrame = func(frame.Header, *frame.Reader) error {
			c.EnterUser()
			close(inside)
			<-time.After(userGrace / 2)
			c.LeaveUser()
			return nil
		}
		c.Start(ct)
		s.Start(newTap())
		send(s, 2, []byte("x"))
		send(c, 1, []byte("y"))
		<-inside
		if err := c.Close(t.Context(), 0, ""); err != nil {
			t.Error(err)
		}
		select {
		case <-c.Done():
		default:
			t.Error("Close did not wait")
		}
	})
}

// TestCloseHungHandler calls Close while user code never returns: the context
// bounds it.
func TestCloseHungHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		c, s := shake(t, a, b, nil, nil)
		ct := newTap()
		release := make(chan struct{})
		ct.onFrame = func(h frame.Header, _ *frame.Reader) error {
			c.EnterUser()
			<-release
			c.LeaveUser()
			return nil
		}
		c.Start(ct)
		s.Start(newTap())
		result := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		s.NetConn().(*memnet.Conn).BlockReads(true)
		send(c, 1, []byte("y"))
		begin := time.Now()
		go func() { result <- c.Close(ctx, 0, "") }()
		synctest.Wait()
		send(s, 2, []byte("x")) // the handler hangs from now on
		err := <-result
		var ue *UnconfirmedError
		if d := time.Since(begin); d > 3*time.Second+3*userGrace || !errors.As(err, &ue) {
			t.Errorf("got %v after %v", err, d)
		}
		close(release)
		<-c.Done()
		<-s.Done()
	})
}

// TestCloseHungEnd calls Close, from two goroutines, while HandleClose does not return:
// the one that it has called itself returns soon, the other one in time.
func TestCloseHungEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		c, s := shake(t, a, b, nil, nil)
		ct := newTap()
		release, inside := make(chan struct{}), make(chan time.Duration, 1)
		c.Start(hungTap{ct, func() {
			if !c.Inside() {
				t.Error("not inside HandleClose")
			}
			began := time.Now()
			_ = c.Close(t.Context(), frame.OK, "")
			inside <- time.Since(began)
			<-release
		}})
		s.Start(newTap())
		_ = s.Close(t.Context(), frame.OK, "")
		if took := <-inside; took > 2*userGrace {
			t.Errorf("inside it took %v", took)
		}
		began := time.Now()
		_ = c.Close(t.Context(), frame.OK, "")
		if took := time.Since(began); took > c.cfg.CloseTimeout+2*userGrace {
			t.Errorf("outside it took %v", took)
		}
		close(release)
		<-c.Done()
	})
}

// hungTap calls a function at the end.
type hungTap struct {
	*tap
	end func()
}

func (h hungTap) HandleClose(err error) {
	h.tap.HandleClose(err)
	h.end()
}

// TestCountedBeforeUser wants a frame to be counted when user code runs for it.
func TestCountedBeforeUser(t *testing.T) {
	l, p := unstarted(t, nil)
	tap := newTap()
	one := data(2, []byte("x"))
	seen := make(chan [2]uint64, 3)
	tap.onFrame = func(frame.Header, *frame.Reader) error {
		before := l.Stats().Received
		l.EnterUser()
		seen <- [2]uint64{before, l.Stats().Received}
		l.LeaveUser()
		return nil
	}
	l.Start(tap)
	p.settle()
	n := uint64(len(one))
	for i := range uint64(3) {
		p.send(one)
		if got := <-seen; got != [2]uint64{i * n, (i + 1) * n} {
			t.Errorf("frame %d: position %v before and in user code", i, got)
		}
	}
	p.bye(frame.OK, "", 0)
	for h, b := p.next(); h.Type != frame.TypeBye; h, b = p.next() {
		if h.Type != frame.TypeAck {
			t.Fatalf("got a %v frame, %x", h.Type, b)
		}
	}
	<-l.Done()
	if b := l.bye.frame; b.Position != 3*n {
		t.Errorf("position %d, want %d", b.Position, 3*n)
	}
}

// TestByeWaitsForReader says BYE while the reader is handing over a frame: the
// position must cover it, and all others of the same read.
func TestByeWaitsForReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := unstarted(t, nil)
		tap := newTap()
		n, release := 0, make(chan struct{})
		tap.onFrame = func(frame.Header, *frame.Reader) error {
			if n++; n == 2 {
				<-release
			}
			return nil
		}
		l.Start(tap)
		p.settle()
		one := data(2, []byte("x"))
		p.send(bytes.Join([][]byte{one, one, one}, nil))
		synctest.Wait()
		l.Fail(errors.New("enough"))
		p.wantIdle(lingerTimeout / 2)
		close(release)
		if b := p.wantBye(); b.Position != uint64(2*len(one)) {
			t.Errorf("position %d, want %d", b.Position, 2*len(one))
		}
		p.bye(frame.OK, "", 0)
		<-l.Done()
		if n != 2 {
			t.Errorf("%d frames handed over", n)
		}
	})
}
