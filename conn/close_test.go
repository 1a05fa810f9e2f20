package conn

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestClose closes a link with data on its way: all of it arrives, both sides
// know why, and nobody waits for a timer.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, ct, st := pair(t, nil, memnet.WithReset())
		c.Lock()
		for range 30 {
			put(c, 1, make([]byte, 10<<10))
		}
		c.Wake()
		c.Unlock()
		begin := time.Now()
		if err := c.Close(t.Context(), frame.Unavailable, "moving"); err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("took %v", d)
		}
		if n := len(st.got()); n != 30 {
			t.Errorf("%d frames arrived", n)
		}
		var ce *ClosedError
		err := st.wantClose(t)
		if !errors.As(err, &ce) || !ce.Remote || ce.Code != frame.Unavailable || ce.Text != "moving" ||
			!errors.Is(err, net.ErrClosed) || !errors.Is(err, frame.Unavailable) || errors.Is(err, ErrSessionLost) {
			t.Errorf("the peer got %v", err)
		}
		err = ct.wantClose(t)
		if !errors.As(err, &ce) || ce.Remote || !errors.Is(err, net.ErrClosed) {
			t.Errorf("this side got %v", err)
		}
		<-s.Done()
		if !errors.Is(c.Err(), net.ErrClosed) || c.State() != StateClosed || s.State() != StateClosed {
			t.Error(c.Err(), c.State(), s.State())
		}
		for range 2 { // idempotent, on both sides
			if err := errors.Join(c.Close(t.Context(), 0, ""), s.Close(t.Context(), 0, "")); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestCloseBoth closes both ends at the same moment, with data on both ways.
func TestCloseBoth(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c, s, ct, st := pair(t, nil, memnet.WithReset())
			results := make(chan error, 2)
			for _, l := range []*Link{c, s} {
				send(l, 1, make([]byte, 5000))
				go func() { results <- l.Close(t.Context(), 0, "") }()
			}
			for range 2 {
				// The slower one may get the goodbye before its data was acknowledged.
				var ue *UnconfirmedError
				if err := <-results; err != nil && !errors.As(err, &ue) {
					t.Error(err)
				}
			}
			for _, tap := range []*tap{ct, st} {
				if err := tap.wantClose(t); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			}
		})
	}
}

// TestCloseScript plays the peer of a Close.
func TestCloseScript(t *testing.T) {
	type script func(t *testing.T, p *peer)
	body := make([]byte, 100)
	const sent = 100 + frame.HeaderLen
	for _, tt := range []struct {
		name  string
		peer  script
		bytes uint64 // unconfirmed
		after time.Duration
	}{
		{"acknowledged at once", func(t *testing.T, p *peer) {
			p.ack(sent)
			if b := p.wantBye(); b.Code != frame.OK || b.Text != "bye" {
				t.Errorf("BYE %+v", b)
			}
			p.bye(frame.OK, "", sent)
		}, 0, 0},
		{"asked for", func(t *testing.T, p *peer) {
			p.ping(frame.TypePong, 4, sent)
			p.wantBye()
			p.bye(frame.OK, "", sent)
		}, 0, 0},
		{"hangs up after BYE", func(t *testing.T, p *peer) {
			p.ack(sent)
			p.wantBye()
			p.nc.Close()
		}, 0, 0},
		{"says nothing after BYE", func(t *testing.T, p *peer) {
			p.ack(sent)
			p.wantBye()
		}, 0, 5 * time.Second},
		{"data after BYE", func(t *testing.T, p *peer) {
			p.ack(sent)
			p.wantBye()
			p.send(data(2, []byte("too late")))
			p.ping(frame.TypePing, 1, sent)
			p.bye(frame.OK, "", sent)
		}, 0, 0},
		{"acknowledges nothing", func(t *testing.T, p *peer) {}, sent, 5 * time.Second},
		{"says goodbye first", func(t *testing.T, p *peer) {
			p.bye(frame.Aborted, "no", 0)
			p.wantBye()
		}, sent, 0},
		{"says goodbye first and has all", func(t *testing.T, p *peer) {
			p.bye(frame.Aborted, "no", sent)
		}, 0, 0},
		{"hangs up", func(t *testing.T, p *peer) { p.nc.Close() }, sent, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, tap, p := scripted(t, nil)
				p.settle()
				send(l, 1, body)
				p.want(frame.TypeData)
				result := make(chan error, 1)
				begin := time.Now()
				go func() { result <- l.Close(t.Context(), frame.OK, "bye") }()
				if x := p.wantPing(); x.Opaque != 4 {
					t.Errorf("PING %d", x.Opaque)
				}
				tt.peer(t, p)
				err := <-result
				var ue *UnconfirmedError
				switch {
				case tt.bytes == 0:
					if err != nil {
						t.Error(err)
					}
				case !errors.As(err, &ue) || ue.Bytes != tt.bytes:
					t.Errorf("got %v, want %d unconfirmed bytes", err, tt.bytes)
				case strings.Count(err.Error(), "gantline: ") != 1:
					t.Error(err)
				}
				if d := time.Since(begin); d != tt.after {
					t.Errorf("took %v, want %v", d, tt.after)
				}
				if err := tap.wantClose(t); !errors.Is(err, net.ErrClosed) {
					t.Errorf("handler got %v", err)
				}
				if n := len(tap.got()); n != 0 {
					t.Errorf("%d frames came after BYE", n)
				}
				if again := l.Close(t.Context(), 0, ""); (again == nil) != (err == nil) {
					t.Errorf("the second Close returned %v, the first %v", again, err)
				}
			})
		})
	}
}

// TestCloseContext gives up before the peer has answered.
func TestCloseContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, p := scripted(t, nil)
		p.settle()
		send(l, 1, []byte("x"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begin := time.Now()
		err := l.Close(ctx, 0, "")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 2*time.Second {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		select {
		case <-l.Done():
		default:
			t.Error("Close returned before the goroutines did")
		}
	})
}

// TestByeAnswer says BYE to a link: it hands over what came before, answers
// with its position and ends, whatever it still had to send.
func TestByeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, nil)
		p.settle()
		send(l, 1, make([]byte, 1000))
		p.want(frame.TypeData)
		one := data(2, []byte("last words"))
		begin := time.Now()
		p.send(one)
		p.bye(frame.NotFound, "gone", 0)
		if b := p.wantBye(); b.Position != uint64(len(one)) || b.Code != frame.OK {
			t.Errorf("BYE %+v", b)
		}
		p.wantEnd()
		err := tap.wantClose(t)
		if !errors.Is(err, frame.NotFound) || len(tap.got()) != 1 || time.Since(begin) != 0 {
			t.Errorf("%v after %d frames and %v", err, len(tap.got()), time.Since(begin))
		}
		<-l.Done()
		var ue *UnconfirmedError
		if err := l.Close(t.Context(), 0, ""); !errors.As(err, &ue) || ue.Bytes != 1012 || !errors.Is(err, frame.NotFound) {
			t.Errorf("Close returned %v", err)
		}
	})
}

// TestCloseEmptyFrames: the end of a stream that the peer did not wait for is
// nothing to complain of.
func TestCloseEmptyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, nil)
		p.settle()
		l.Lock()
		for _, h := range []frame.Header{
			{Type: frame.TypeData, Flags: frame.FlagFin, ID: 1}, {Type: frame.TypeCredit, Length: 4, ID: 3},
		} {
			frame.PutHeader(l.Alloc(frame.HeaderLen+int(h.Length)), h)
		}
		l.Wake()
		l.Unlock()
		p.bye(frame.OK, "", 0)
		tap.wantClose(t)
		if err := l.Close(t.Context(), 0, ""); err != nil {
			t.Errorf("Close returned %v", err)
		}
	})
}

// TestByeUnread says BYE to a link whose writer is stuck: it does not wait for
// long.
func TestByeUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, nil)
		p.settle()
		l.NetConn().(*memnet.Conn).BlockWrites(true)
		send(l, 1, []byte("x"))
		begin := time.Now()
		p.bye(frame.OK, "", 0)
		tap.wantClose(t)
		if d := time.Since(begin); d != lingerTimeout {
			t.Errorf("took %v", d)
		}
	})
}

// TestDropped wants nothing that an ended link drops to pass for sent.
func TestDropped(t *testing.T) {
	for name, end := range map[string]func(l *Link){
		"close": func(l *Link) { _ = l.Close(context.Background(), 0, "") },
		"abort": func(l *Link) { l.Abort(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s, _, _ := pair(t, nil)
				send(c, 1, []byte("x"))
				synctest.Wait() // all of it is sent
				end(c)
				send(c, 1, []byte("y"))
				c.Lock()
				if c.Appended() <= c.Sent() {
					t.Errorf("appended up to %d, and sent up to %d", c.Appended(), c.Sent())
				}
				c.Unlock()
				abort(c, s)
			})
		})
	}
}

// TestAbort ends a link at once.
func TestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("superseded")
		c, s, ct, st := pair(t, nil)
		send(c, 1, []byte("x"))
		c.Abort(why)
		if err := ct.wantClose(t); !errors.Is(err, why) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed with %v", err)
		}
		if err := st.wantClose(t); !errors.Is(err, ErrSessionLost) {
			t.Errorf("the peer got %v", err)
		}
		<-c.Done()
		<-s.Done()
	})
}

// TestFail closes a link from outside of HandleFrame.
func TestFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, ct, st := pair(t, nil)
		go c.Fail(&StreamRule{frame.OutOfRange})
		go c.Fail(errors.New("another"))
		err := ct.wantClose(t)
		var pe *ProtocolError
		if !errors.As(err, &pe) {
			t.Errorf("closed with %v", err)
		}
		var ce *ClosedError
		if err := st.wantClose(t); !errors.As(err, &ce) || ce.Code != pe.Code || !ce.Remote {
			t.Errorf("the peer got %v", err)
		}
	})
}

// TestUnstarted ends links that were never started.
func TestUnstarted(t *testing.T) {
	for name, end := range map[string]func(l *Link){
		"close": func(l *Link) { l.Close(context.Background(), 0, "") },
		"abort": func(l *Link) { l.Abort(nil) },
		"fail":  func(l *Link) { l.Fail(errors.New("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, p := unstarted(t, nil)
				end(l)
				<-l.Done()
				if name == "close" {
					p.wantBye()
				}
				p.wantEnd()
				tap := newTap()
				l.Start(tap)
				if err := tap.wantClose(t); err == nil || l.Err() != err {
					t.Error(err)
				}
				if _, err := l.Ping(t.Context()); err == nil {
					t.Error("Ping worked")
				}
				l.Release(0, 1)
				send(l, 1, []byte("x"))
			})
		})
	}
}
