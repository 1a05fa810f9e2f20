package gantline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestEndSaysWhoItIs(t *testing.T) {
	c, s := pair(t, &Config{ID: "edge-7", Meta: []byte("cm")}, &Config{ID: "hub", Meta: []byte("sm")})
	if c.LocalID() != "edge-7" || c.PeerID() != "hub" || string(c.PeerMeta()) != "sm" || c.Side() != ClientSide || c.Stream.Side() != ClientSide {
		t.Errorf("client: %q %q %q %v %v", c.LocalID(), c.PeerID(), c.PeerMeta(), c.Side(), c.Stream.Side())
	}
	if s.LocalID() != "hub" || s.PeerID() != "edge-7" || string(s.PeerMeta()) != "cm" || s.Side() != ServerSide || s.Stream.Side() != ClientSide {
		t.Errorf("server: %q %q %q %v %v", s.LocalID(), s.PeerID(), s.PeerMeta(), s.Side(), s.Stream.Side())
	}
	if c.ID() != 0 || c.Stream.End() != c || c.State() != StateUp || c.Addr() == nil || c.RemoteAddr() == nil {
		t.Errorf("id %d, state %v", c.ID(), c.State())
	}
	if _, err := c.Ping(short(t)); err != nil {
		t.Error(err)
	}
	if st := c.Stats(); st.Link.BytesOut == 0 || st.Open != 0 || st.Handlers != 0 {
		t.Errorf("stats are %+v", st)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, cfg := range []*Config{
		{ID: strings.Repeat("x", 129)},
		{ID: "k\u00fchl"},
		{Meta: make([]byte, 4097)},
		{Limits: Limits{Frame: 100}},
		{Limits: Limits{Streams: 1 << 30}},
	} {
		cerr, _ := handshake(cfg, nil)
		want(t, cerr, InvalidArgument)
		if strings.Count(cerr.Error(), prefix) != 1 {
			t.Errorf("error is %q", cerr)
		}
	}
}

// TestClose: everything written arrives, the second Close says the same, and all ends with net.ErrClosed.
func TestClose(t *testing.T) {
	c, s := pair(t, nil, nil)
	st, err := c.OpenStream(short(t))
	must(t, err)
	_, err = st.Write([]byte("last words"))
	must(t, err)
	waiting := make(chan error, 3)
	go func() { _, err := c.AcceptStream(context.Background()); waiting <- err }()
	go func() { _, err := c.Accept(); waiting <- err }()
	go func() { _, err := c.Listener("x").Accept(); waiting <- err }()
	must(t, c.Close())
	must(t, c.Close())
	for range 3 {
		want(t, <-waiting, net.ErrClosed)
	}
	<-c.Context().Done()
	want(t, context.Cause(c.Context()), net.ErrClosed)
	if c.State() != StateClosed {
		t.Errorf("state is %v", c.State())
	}
	_, err = c.Call(context.Background(), "m", nil)
	want(t, err, net.ErrClosed, ErrNotSent, Unavailable)
	_, err = c.OpenStream(context.Background())
	want(t, err, net.ErrClosed)
	want(t, c.Publish(context.Background(), "t", nil), net.ErrClosed)
	_, err = c.Accept()
	want(t, err, net.ErrClosed)
	_, err = c.Ping(context.Background())
	want(t, err, net.ErrClosed)

	// The other side still gets what had arrived.
	<-s.Context().Done()
	want(t, context.Cause(s.Context()), net.ErrClosed)
	peer, err := s.AcceptStream(context.Background())
	must(t, err)
	got, err := io.ReadAll(peer)
	want(t, err, net.ErrClosed) // its writer has not ended it
	if string(got) != "last words" {
		t.Errorf("read %q", got)
	}
	_, err = s.AcceptStream(context.Background())
	want(t, err, net.ErrClosed)
	_, err = s.Call(context.Background(), "m", nil)
	want(t, err, net.ErrClosed, ErrNotSent)
	must(t, s.Close())
}

// TestCloseFromHandler: in every mode, and from a hook.
func TestCloseFromHandler(t *testing.T) {
	for _, mode := range handlerModes {
		t.Run(mode.name, func(t *testing.T) {
			c, s := pair(t, nil, nil)
			closed := make(chan error, 1)
			s.Handle("close", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
				closed <- FromContext(ctx).Close()
				return nil, nil
			}), mode.opts...)
			_, err := c.Call(short(t), "close", nil)
			if err != nil { // on the reader the answer still gets out
				want(t, err, net.ErrClosed, ErrUnknownOutcome)
			}
			<-closed
			<-s.Context().Done()
		})
	}
}

func TestSessionLost(t *testing.T) {
	c, s, nc := cutPair(t, nil, nil)
	st, err := c.OpenStream(short(t))
	must(t, err)
	nc.Cut()
	<-c.Context().Done()
	<-s.Context().Done()
	want(t, context.Cause(c.Context()), ErrSessionLost)
	_, err = st.Read(make([]byte, 1))
	want(t, err, ErrSessionLost)
	_, err = c.Call(context.Background(), "m", nil)
	want(t, err, ErrSessionLost, ErrNotSent)
	_, err = c.OpenStream(context.Background())
	want(t, err, ErrSessionLost)
	_, err = c.AcceptStream(context.Background())
	want(t, err, ErrSessionLost)
	if errors.Is(err, net.ErrClosed) || strings.Count(err.Error(), prefix) != 1 {
		t.Errorf("error is %q", err)
	}
}

// TestHooksInOrder: the states and the session, one after the other.
func TestHooksInOrder(t *testing.T) {
	for _, end := range []string{"close", "shutdown", "cut", "peer closes"} {
		t.Run(end, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var (
					mu     sync.Mutex
					events []string
				)
				note := func(text string) {
					mu.Lock()
					defer mu.Unlock()
					events = append(events, text)
				}
				setup := make(chan *End, 1)
				c, s, nc := cutPair(t, &Config{
					Setup:     func(e *End) error { setup <- e; note("setup"); return nil },
					OnState:   func(e *End, s State) { <-time.After(time.Second); note(s.String()) },
					OnSession: func(e *End, fresh bool) { note(fmt.Sprint("fresh ", fresh)) },
				}, nil)
				if <-setup != c {
					t.Error("Setup had another End")
				}
				wanted := []string{"setup", "up", "fresh true", "draining", "closed"}
				switch end {
				case "close":
					must(t, c.Close())
				case "shutdown":
					must(t, c.Shutdown(t.Context()))
				case "peer closes":
					must(t, s.Close())
					wanted = slices.DeleteFunc(wanted, func(s string) bool { return s == "draining" })
				case "cut":
					nc.Cut()
					wanted[3] = "broken"
				}
				<-time.After(10 * time.Second)
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(events, wanted) {
					t.Errorf("events are %q, want %q", events, wanted)
				}
			})
		})
	}
}
