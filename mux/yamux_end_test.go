package mux

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/gantline-project/gantline/frame"
)

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
	waitFor(t, "the reset to end reading too", func() bool {
		_, err := x.Read(make([]byte, 1))
		return errors.Is(err, frame.Aborted)
	})
	waitNoStreams(t, c, s)
}

func TestYamuxGoAway(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		if s.h != nil {
			c, s = s, c
		} // s is ours and drains
		a, b := openBoth(t, c, s)
		s.s.Drain(frame.Drain{Code: frame.OK})
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

// TestYamuxCloseFlushes: everything written arrives though the session is closed at once.
func TestYamuxCloseFlushes(t *testing.T) {
	for _, peer := range []string{"hashicorp", "ours"} {
		t.Run(peer, func(t *testing.T) {
			for i := range 10 {
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
