package gantline

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestListenerNames: who gets which stream, and what closing a listener does.
func TestListenerNames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		open := func(name string) *Stream {
			st, err := c.OpenStream(t.Context(), WithName(name))
			must(t, err)
			synctest.Wait()
			return st
		}
		accept := func(l net.Listener, id uint64) {
			t.Helper()
			nc, err := l.Accept()
			must(t, err)
			if got := nc.(interface{ ID() uint64 }).ID(); got != id {
				t.Errorf("accepted %d, want %d", got, id)
			}
		}
		early := open("a")
		plain := open("")
		a1, a2, rest := s.Listener("a"), s.Listener("a"), s.Listener("")
		accept(a1, early.ID()) // a listener takes over what waits already
		accept(rest, plain.ID())
		accept(a2, open("a").ID())
		accept(s, open("b").ID())
		accept(rest, open("c").ID())

		must(t, a1.Close())
		must(t, a1.Close())
		_, err := a1.Accept()
		want(t, err, net.ErrClosed)
		accept(a2, open("a").ID())
		left := open("a")
		must(t, a2.Close())
		accept(s, left.ID()) // nobody claims the name any more

		blocked := make(chan error, 1)
		go func() { _, err := rest.Accept(); blocked <- err }()
		synctest.Wait()
		must(t, rest.Close())
		want(t, <-blocked, net.ErrClosed)
		accept(s, open("").ID())

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.AcceptStream(ctx)
		want(t, err, context.DeadlineExceeded)
		if s.Addr() == nil || a1.Addr() == nil {
			t.Error("no address")
		}
	})
}

// TestBacklogForgetsResets: a stream that its opener has reset does not wait for AcceptStream for ever.
func TestBacklogForgetsResets(t *testing.T) {
	c, s := pair(t, nil, &Config{Limits: Limits{AcceptBacklog: 10}})
	ctx := short(t)
	for range 3000 {
		st, err := c.OpenStream(ctx)
		must(t, err)
		must(t, st.Reset(nil))
	}
	last, err := c.OpenStream(ctx)
	must(t, err)
	_, err = last.Write([]byte("x"))
	must(t, err)
	for { // a reset may still be on its way
		st, err := s.AcceptStream(ctx)
		must(t, err)
		if st.ID() == last.ID() {
			break
		}
	}
	if n := s.backlog.Len(); n > 0 {
		t.Errorf("%d streams wait", n)
	}
}

// TestHookedStreamsAreBounded: what waits for a slow OnStream has a bound, even when its opener resets it, which frees
// its slot.
func TestHookedStreamsAreBounded(t *testing.T) {
	const most = 20
	run := make(chan struct{})
	c, s := pair(t, nil, &Config{Limits: Limits{Streams: most}, OnStream: func(*Stream) error { <-run; return nil }})
	defer close(run)
	ctx := short(t)
	for range 20 * most {
		st, err := c.OpenStream(ctx)
		must(t, err)
		must(t, st.Reset(nil))
	}
	_, err := c.Call(ctx, "none", nil) // after them
	want(t, err, Unimplemented)
	if n := s.hooks.Len(); n > most {
		t.Errorf("%d streams wait for the hook, want at most %d", n, most)
	}
}

func TestStreamsLists(t *testing.T) {
	c, s := pair(t, nil, nil)
	ctx := short(t)
	own, err := c.OpenStream(ctx, WithName("own"))
	must(t, err)
	theirs, err := s.OpenStream(ctx, WithName("theirs"))
	must(t, err)
	accepted, err := c.AcceptStream(ctx)
	must(t, err)
	seen := map[*Stream]bool{}
	for st := range c.Streams() {
		seen[st] = true
	}
	if len(seen) != 2 || !seen[own] || !seen[accepted] {
		t.Errorf("listed %v", seen)
	}
	if theirs.Side() != ServerSide || accepted.Side() != ServerSide || own.Side() != ClientSide {
		t.Error("sides are wrong")
	}
}

// TestHTTPOverAnEnd: an End is a net.Listener for http.Server and dials for http.Transport, both ways.
func TestHTTPOverAnEnd(t *testing.T) {
	c, s := pair(t, nil, nil)
	for _, way := range []struct{ from, to *End }{{c, s}, {s, c}} {
		ln := way.to.Listener("")
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "hello "+r.URL.Path)
		})}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ln) }()
		tr := &http.Transport{DialContext: way.from.DialContext}
		hc := &http.Client{Transport: tr}
		for range 3 {
			resp, err := hc.Get("http://peer/path")
			must(t, err)
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			must(t, resp.Body.Close())
			if string(body) != "hello /path" {
				t.Errorf("answer is %q", body)
			}
		}
		tr.CloseIdleConnections()
		must(t, srv.Shutdown(short(t)))
		want(t, <-done, http.ErrServerClosed)
	}
	_, err := c.Ping(short(t)) // the End itself lives on
	must(t, err)
}

// TestBacklogLosesNothing: streams that were opened, written and closed long before they are accepted arrive
// whole, and an opener that does nothing else is held back.
func TestBacklogLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 3000
		c, s := pair(t, nil, nil)
		opened := make(chan error, 1)
		go func() {
			for i := range n {
				st, err := c.OpenStream(t.Context())
				if err == nil {
					_, err = fmt.Fprint(st, i)
				}
				if err == nil {
					err = st.Close()
				}
				if err != nil {
					opened <- fmt.Errorf("stream %d: %w", i, err)
					return
				}
			}
			opened <- nil
		}()
		synctest.Wait()
		if waiting := s.backlog.Len(); waiting > 1024 {
			t.Errorf("%d streams wait to be accepted", waiting)
		}
		for i := range n {
			st, err := s.AcceptStream(t.Context())
			must(t, err)
			got, err := io.ReadAll(st)
			must(t, err)
			if string(got) != fmt.Sprint(i) {
				t.Fatalf("stream %d brought %q", i, got)
			}
			must(t, st.Close())
		}
		must(t, <-opened)
	})
}
