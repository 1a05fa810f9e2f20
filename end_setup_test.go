package gantline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestSetupFirstCallIsNeverRefused: handlers registered in Setup are there for the very first call, from
// either side.
func TestSetupFirstCallIsNeverRefused(t *testing.T) {
	for range 200 {
		cfg := &Config{Setup: func(e *End) error {
			e.Handle("echo", echo)
			return nil
		}}
		c, s := Pipe(cfg, cfg)
		must(t, swarm(2, func(i int) error {
			_, err := []*End{c, s}[i].Call(short(t), "echo", nil)
			return err
		}))
		closeBoth(c, s)
	}
}

// TestSetupRefuses: Setup's error reaches the other side with its code and text, whichever side it is.
func TestSetupRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		code Code
		text string
	}{
		{"plain", errors.New("not on Sundays"), PermissionDenied, "not on Sundays"},
		{"coded", &Error{Code: ResourceExhausted, Message: "full"}, ResourceExhausted, "full"},
		{"code", Unavailable, Unavailable, ""},
	} {
		t.Run("server/"+test.name, func(t *testing.T) {
			cerr, serr := handshake(nil, &Config{Setup: func(*End) error { return test.err }})
			want(t, serr, test.err)
			want(t, cerr, test.code)
			if !strings.Contains(cerr.Error(), test.text) || strings.Count(cerr.Error(), prefix) != 1 || strings.Count(serr.Error(), prefix) != 1 {
				t.Errorf("client has %q, server %q", cerr, serr)
			}
		})
		t.Run("client/"+test.name, func(t *testing.T) {
			var why error
			over := make(chan struct{})
			cerr, serr := handshake(&Config{Setup: func(*End) error { return test.err }}, &Config{Setup: func(e *End) error {
				context.AfterFunc(e.Context(), func() {
					why = context.Cause(e.Context())
					close(over)
				})
				return nil
			}})
			must(t, serr)
			want(t, cerr, test.err)
			<-over
			want(t, why, test.code)
			if !strings.Contains(why.Error(), test.text) || strings.Count(cerr.Error(), prefix) != 1 {
				t.Errorf("client has %q, server %q", cerr, why)
			}
		})
	}
}

// handshake makes two Ends and closes them again; it returns the errors.
func handshake(client, server *Config) (cerr, serr error) {
	a, b := memnet.Pipe()
	var (
		c, s *End
		wg   sync.WaitGroup
	)
	wg.Go(func() { s, serr = Server(context.Background(), b, quiet(server)) })
	wg.Go(func() { c, cerr = Client(context.Background(), a, quiet(client)) })
	wg.Wait()
	for _, e := range []*End{c, s} {
		if e != nil {
			_ = e.Close()
		}
	}
	return cerr, serr
}

func TestSetupPanics(t *testing.T) {
	boom := &Config{Setup: func(*End) error { panic("kaboom") }}
	cerr, serr := handshake(nil, boom)
	want(t, serr, Internal)
	want(t, cerr, Internal)
	cerr, _ = handshake(boom, nil)
	want(t, cerr, Internal)
}

// TestSetupCannotWait: what waits for the peer fails at once inside Setup; in a goroutine it works.
func TestSetupCannotWait(t *testing.T) {
	ctx := short(t)
	waits := map[string]func(*End) error{
		"Call":         func(e *End) error { _, err := e.Call(ctx, "echo", nil); return err },
		"Go":           func(e *End) error { _, err := e.Go(ctx, "echo", nil).Wait(ctx); return err },
		"OpenCall":     func(e *End) error { _, err := e.OpenCall(ctx, "echo"); return err },
		"Ping":         func(e *End) error { _, err := e.Ping(ctx); return err },
		"AcceptStream": func(e *End) error { _, err := e.AcceptStream(ctx); return err },
		"Publish":      func(e *End) error { return e.Publish(ctx, "topic", nil) },
		"Receive":      func(e *End) error { _, err := e.Receive(ctx); return err },
	}
	later := make(chan error, 2)
	setup := func(e *End) error {
		e.Handle("echo", echo)
		for name, wait := range waits {
			err := wait(e)
			if CodeOf(err) != FailedPrecondition || !strings.Contains(err.Error(), "Setup") {
				return fmt.Errorf("%s inside Setup: %w", name, err)
			}
		}
		go func() {
			_, err := e.Call(ctx, "echo", nil)
			later <- err
		}()
		return nil
	}
	pair(t, &Config{Setup: setup}, &Config{Setup: setup})
	must(t, <-later)
	must(t, <-later)
}

// TestSetupMayOpen: what does not wait is allowed, and arrives.
func TestSetupMayOpen(t *testing.T) {
	opened := make(chan *Stream, 1)
	_, s := pair(t, &Config{Setup: func(e *End) error {
		st, err := e.OpenStream(context.Background(), WithName("early"))
		opened <- st
		return err
	}}, nil)
	st, err := s.AcceptStream(short(t))
	must(t, err)
	if own := <-opened; st.Name() != "early" || st.ID() != own.ID() {
		t.Errorf("accepted %q, id %d", st.Name(), st.ID())
	}
}

// TestInlineCannotWait: an Inline handler's context cannot be used to wait for the same peer.
func TestInlineCannotWait(t *testing.T) {
	c, s := pair(t, nil, nil)
	c.Handle("echo", echo)
	other, _ := pair(t, nil, nil)
	for name, wait := range map[string]func(context.Context, *End) error{
		"Call":         func(ctx context.Context, e *End) error { _, err := e.Call(ctx, "echo", nil); return err },
		"Publish":      func(ctx context.Context, e *End) error { return e.Publish(ctx, "topic", nil) },
		"Ping":         func(ctx context.Context, e *End) error { _, err := e.Ping(ctx); return err },
		"AcceptStream": func(ctx context.Context, e *End) error { _, err := e.AcceptStream(ctx); return err },
	} {
		s.Handle(name, HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			if name == "Ping" { // another End is no problem
				_, err := other.Ping(derived)
				must(t, err)
			}
			return nil, wait(derived, FromContext(derived))
		}), Inline())
		_, err := c.Call(short(t), name, nil)
		want(t, err, FailedPrecondition)
		if !strings.Contains(err.Error(), "Inline") {
			t.Errorf("error is %q", err)
		}
	}
}
