package gantline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// mirrored collects what OnPeerMethod is told.
type mirrored struct {
	mu    sync.Mutex
	names []string
	calls int
}

func (m *mirrored) hook(_ *End, method string, added bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if added {
		m.names = append(m.names, method)
	} else {
		m.names = slices.DeleteFunc(m.names, func(n string) bool { return n == method })
	}
}

// check compares after everything has come to rest.
func (m *mirrored) check(t *testing.T, wanted ...string) {
	t.Helper()
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.names)
	slices.Sort(wanted)
	if !slices.Equal(m.names, wanted) {
		t.Errorf("mirror has %q, want %q", m.names, wanted)
	}
}

func TestPeerMethodsMirrored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var m mirrored
		router := new(Router)
		router.Handle("shared", echo)
		c, s := pair(t, &Config{OnPeerMethod: m.hook}, &Config{Router: router, Setup: func(e *End) error {
			e.Handle("early", echo)
			return nil
		}})
		m.check(t, "shared", "early")
		s.Handle("late", echo)
		s.Handle("late", named("again")) // is no change
		s.HandleStream("stream", echoStream)
		router.Handle("shared2", echo)
		m.check(t, "shared", "shared2", "early", "late", "stream")
		s.Handle("early", nil)
		router.Handle("shared", nil)
		s.Handle("never", nil)
		m.check(t, "shared2", "late", "stream")
		c.Handle("mine", echo) // nobody asked for it
		st, err := s.OpenStream(t.Context())
		must(t, err)
		st.Handle("on a stream", echo)
		m.check(t, "shared2", "late", "stream")
		if m.calls != 7 {
			t.Errorf("the hook was called %d times, want 7", m.calls)
		}
	})
}

// TestPeerMethodsMany: more than one announcement's worth, then gone with the End.
func TestPeerMethodsMany(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var m mirrored
		router := new(Router)
		var names []string
		for i := range 500 {
			names = append(names, fmt.Sprintf("%s.%d", strings.Repeat("n", 200), i))
			router.Handle(names[i], echo)
		}
		c, s := pair(t, &Config{OnPeerMethod: m.hook}, &Config{Router: router})
		m.check(t, names...)
		must(t, c.Close())
		must(t, s.Close())
		synctest.Wait()
		router.Handle("afterwards", echo)
		if router.handlers().Watchers() != 0 {
			t.Error("the Router still knows the End")
		}
	})
}

// TestPeerMethodsNotAskedFor: without the hook nothing is sent, and what a peer sends unasked is dropped.
func TestPeerMethodsNotAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.Handle("m", echo)
		synctest.Wait()
		if n := s.Stats().Link.FramesOut + c.Stats().Link.FramesOut; n != 0 {
			t.Errorf("%d frames were sent", n)
		}
		must(t, c.startNotify(context.Background(), c.session(), openInternal(frame.NameMethods), []byte("+\x01x"), nil))
		must(t, c.startNotify(context.Background(), c.session(), openInternal(":other"), nil, nil))
		synctest.Wait()
		if n := c.session().Mux.Count() + s.session().Mux.Count(); n != 0 {
			t.Errorf("%d notifies left open", n)
		}
	})
}

func openInternal(name string) *mux.Open { return &mux.Open{Kind: frame.KindNotify, Name: name} }

// TestPeerMethodsHostile: bodies that make no sense change nothing.
func TestPeerMethodsHostile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var m mirrored
		c, _ := pair(t, nil, &Config{OnPeerMethod: m.hook})
		for _, body := range []string{"", "+", "+\x05ab", "-\x01x", "+\x01a+", "+\x01a"} {
			must(t, c.startNotify(context.Background(), c.session(), openInternal(frame.NameMethods), []byte(body), nil))
		}
		m.check(t, "a")
	})
}

// TestHandleWhileClosing: no goroutine that tells the peer of a method begins after Close. The race detector notices one.
func TestHandleWhileClosing(t *testing.T) {
	for range 50 {
		c, s := Pipe(quiet(nil), quiet(&Config{OnPeerMethod: func(*End, string, bool) {}}))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 300 {
				c.Handle(fmt.Sprint(i), echo)
			}
		}()
		closeBoth(c, s)
		<-done
	}
}
