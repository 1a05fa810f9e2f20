package mux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/gantline-project/gantline/frame"
)

// openBoth opens a stream at from and accepts it at to. A byte each way goes first, so that both know it.
func openBoth(t *testing.T, from, to *yamuxEnd) (a, b net.Conn) {
	t.Helper()
	a = from.open(t)
	b, err := to.accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [2][2]net.Conn{{a, b}, {b, a}} {
		if _, err := p[0].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(p[1], make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

func TestYamuxHalfClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		for i := range 4 {
			from, to := c, s
			if i%2 == 1 {
				from, to = s, c
			}
			a, b := openBoth(t, from, to)
			if i < 2 {
				a, b = b, a
			}
			if _, err := a.Write(pattern(100_000, 0)); err != nil {
				t.Fatal(err)
			}
			if err := closeWrite(a); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(b)
			if err != nil || !bytes.Equal(got, pattern(100_000, 0)) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if _, err := a.Write([]byte("x")); err == nil {
				t.Error("wrote behind the end")
			}
			for range 3 { // the other direction goes on
				if _, err := b.Write(pattern(100_000, 1)); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 100_000)
				if _, err := io.ReadFull(a, got); err != nil || !bytes.Equal(got, pattern(100_000, 1)) {
					t.Fatal(err)
				}
			}
			if err := closeWrite(b); err != nil {
				t.Fatal(err)
			}
			if n, err := a.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Fatalf("read %d, %v behind the end", n, err)
			}
		}
		waitNoStreams(t, c, s)
	})
}

// TestYamuxGreeting: the acceptor writes first, before and after the opener, many times.
func TestYamuxGreeting(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		for _, p := range [2][2]*yamuxEnd{{c, s}, {s, c}} {
			var wg sync.WaitGroup
			wg.Go(func() {
				for range 100 {
					nc, err := p[1].accept()
					if err != nil {
						t.Error(err)
						return
					}
					nc.Write([]byte("hello"))
					nc.Close()
				}
			})
			for range 100 {
				nc := p[0].open(t)
				if got, err := io.ReadAll(nc); string(got) != "hello" || err != nil {
					t.Fatalf("greeting %q, %v", got, err)
				}
				nc.Close()
			}
			wg.Wait()
		}
		waitNoStreams(t, c, s)
	})
}

func TestYamuxSequential(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		go echoAll(c)
		go echoAll(s)
		for range 500 {
			echoOnce(t, c, []byte("ping"))
			echoOnce(t, s, []byte("pong"))
		}
		waitNoStreams(t, c, s)
	})
}

// TestYamuxManyOpeners: SYNs of openers that run at once overtake each other.
func TestYamuxManyOpeners(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		go echoAll(s)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 20 {
					echoOnce(t, c, []byte("hi"))
				}
			})
		}
		wg.Wait()
		waitNoStreams(t, c, s)
	})
}

func TestYamuxUnreadStreamStallsNobody(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		for _, p := range [2][2]*yamuxEnd{{c, s}, {s, c}} {
			from, to := p[0], p[1]
			a, b := openBoth(t, from, to)
			a.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			if n, err := a.Write(make([]byte, 1<<20)); n < yamuxWindow-1 || n > yamuxWindow || err == nil {
				t.Errorf("wrote %d bytes into an unread stream, %v", n, err)
			}
			x, y := openBoth(t, from, to)
			go func() {
				x.Write(pattern(1<<20, 2))
				closeWrite(x)
			}()
			if got, err := io.ReadAll(y); err != nil || !bytes.Equal(got, pattern(1<<20, 2)) {
				t.Errorf("beside it: %d bytes, %v", len(got), err)
			}
			for _, nc := range []net.Conn{a, b, x, y} {
				nc.Close()
			}
		}
	})
}

// TestYamuxReset: ours and theirs. hashicorp's end has no reset of its own but for a stream closed long ago.
func TestYamuxReset(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		for _, p := range [4][2]*yamuxEnd{{c, s}, {s, c}, {c, s}, {s, c}} {
			a, b := openBoth(t, p[0], p[1])
			if _, ok := a.(*Stream); !ok {
				a, b = b, a
			}
			if err := a.(*Stream).Reset(frame.Internal, "text"); err != nil {
				t.Fatal(err)
			}
			_, err := b.Read(make([]byte, 1))
			if _, ours := b.(*Stream); ours && !errors.Is(err, frame.Aborted) || !ours && err != yamux.ErrConnectionReset {
				t.Errorf("read after a reset: %v", err)
			}
			if _, err := b.Write([]byte("x")); err == nil {
				t.Error("wrote after a reset")
			}
			if _, err := a.Read(make([]byte, 1)); !errors.Is(err, frame.Internal) {
				t.Errorf("read here after Reset: %v", err)
			}
		}
		waitNoStreams(t, c, s)
	})
}

func TestYamuxResetByHashicorp(t *testing.T) {
	a, b := memPair(t)
	c := newOurs(t, a, true, nil)
	s := newTheirs(t, b, false, func(cfg *yamux.Config) { cfg.StreamCloseTimeout = time.Millisecond })
	x, y := openBoth(t, c, s)
	y.Close()
	var se *StreamError
	for {
		if _, err := x.Write([]byte("x")); err != nil {
			if !errors.As(err, &se) || !se.Remote || se.Code != frame.Aborted {
				t.Errorf("write after a reset: %v", err)
			}
			break
		}
	}
	if _, err := x.Read(make([]byte, 1)); !errors.Is(err, frame.Aborted) {
		t.Errorf("read after a reset: %v", err)
	}
	waitNoStreams(t, c, s)
}

func TestYamuxGoAway(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		if s.h != nil {
			c, s = s, c
		} // s is ours and drains
		a, b := openBoth(t, c, s)
		s.s.Drain(frame.OK, "", "")
		waitFor(t, "the go away to come", func() bool {
			if c.h != nil {
				nc, err := c.h.Open()
				if err == nil {
					_, err = io.ReadAll(nc) // was on its way: refused
					nc.Close()
				}
				return err == yamux.ErrRemoteGoAway
			}
			select {
			case <-c.acc.drained:
				return true
			default:
				return false
			}
		})
		if c.h == nil {
			if _, err := c.s.OpenStream(t.Context(), &Open{}, nil); !errors.Is(err, frame.Unavailable) {
				t.Errorf("open after a go away: %v", err)
			}
		}
		x, y := openBoth(t, s, c) // the other way it is not said
		for _, p := range [2][2]net.Conn{{a, b}, {x, y}} {
			if _, err := p[0].Write([]byte("on")); err != nil {
				t.Fatal(err)
			}
			closeWrite(p[0])
			if got, err := io.ReadAll(p[1]); string(got) != "on" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			p[1].Close()
			io.ReadAll(p[0])
		}
		waitNoStreams(t, c, s)
	})
}

func TestYamuxGoAwayByHashicorp(t *testing.T) {
	a, b := memPair(t)
	c, s := newOurs(t, a, true, nil), newTheirs(t, b, false, nil)
	x, y := openBoth(t, c, s)
	if err := s.h.GoAway(); err != nil {
		t.Fatal(err)
	}
	<-c.acc.drained
	if _, err := c.s.OpenStream(t.Context(), &Open{}, nil); !errors.Is(err, frame.Unavailable) {
		t.Errorf("open after a go away: %v", err)
	}
	go echoAll(c)
	echoOnce(t, s, []byte("still open"))
	x.Close()
	y.Close()
	waitNoStreams(t, c, s)
}

func TestYamuxPing(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		var wg sync.WaitGroup
		for _, e := range []*yamuxEnd{c, s} {
			for range 10 {
				wg.Go(func() {
					ping := func() (time.Duration, error) { return e.Ping(t.Context()) }
					if e.h != nil {
						ping = e.h.Ping
					}
					for range 20 {
						if rtt, err := ping(); err != nil || rtt <= 0 {
							t.Errorf("ping: %v, %v", rtt, err)
						}
					}
				})
			}
		}
		wg.Wait()
		for _, e := range []*yamuxEnd{c, s} {
			if e.h == nil && e.l.RTT() <= 0 {
				t.Error("no round trip is known")
			}
		}
	})
}

// TestYamuxCloseFlushes: everything written arrives though the session is closed at once.
func TestYamuxCloseFlushes(t *testing.T) {
	for _, peer := range []string{"hashicorp", "ours"} {
		t.Run(peer, func(t *testing.T) {
			for i := range 20 {
				a, b := tcpPair(t)
				c := newOurs(t, a, true, nil)
				var s *yamuxEnd
				if peer == "ours" {
					s = newOurs(t, b, false, nil)
				} else {
					s = newTheirs(t, b, false, nil)
				}
				x, y := openBoth(t, c, s)
				data := pattern(200<<10, byte(i))
				if _, err := x.Write(data); err != nil {
					t.Fatal(err)
				}
				x.Close()
				closed := make(chan error, 1)
				go func() { closed <- c.Close(context.Background()) }()
				if got, err := io.ReadAll(y); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%d of %d bytes, %v", len(got), len(data), err)
				}
				if err := <-closed; err != nil {
					t.Errorf("Close: %v", err)
				}
				if !errors.Is(c.Err(), net.ErrClosed) {
					t.Errorf("Err after Close: %v", c.Err())
				}
				if s.h != nil {
					<-s.h.CloseChan()
					continue
				}
				<-s.Done()
				var ye *YamuxError
				if err := s.Err(); !errors.As(err, &ye) || !ye.Remote || !errors.Is(err, net.ErrClosed) {
					t.Errorf("Err at the peer: %v", err)
				}
			}
		})
	}
}

func TestYamuxDeadlines(t *testing.T) {
	a, b := memPair(t)
	c, s := newOurs(t, a, true, nil), newTheirs(t, b, false, nil)
	x, y := openBoth(t, c, s)
	x.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read past its deadline: %v", err)
	}
	x.SetDeadline(time.Time{})
	fmt.Fprint(y, "late")
	got := make([]byte, 4)
	if _, err := io.ReadFull(x, got); err != nil || string(got) != "late" {
		t.Errorf("%q, %v", got, err)
	}
}
