package gantline

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestMigrate: a call that is under way goes on over the new carrier, and nobody is told.
func TestMigrate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			e.Handle("slow", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
				_, err := FromContext(ctx).Call(ctx, "go on", nil)
				return req.Body, err
			}))
			return nil
		}})
		var d diary
		cfg := d.hooks(Config{})
		cfg.OnPeerMethod = nil
		c := h.client(cfg)
		asked, goOn := make(chan struct{}), make(chan struct{})
		c.Handle("go on", HandlerFunc(func(context.Context, *Request) ([]byte, error) {
			asked <- struct{}{}
			<-goOn
			return nil, nil
		}))
		call := c.Go(t.Context(), "slow", []byte("answer"))
		<-asked
		must(t, c.Migrate(t.Context()))
		close(goOn)
		body, err := call.Wait(t.Context())
		must(t, err)
		if string(body) != "answer" || h.dials != 2 || c.Stats().Link.Resumes != 1 {
			t.Errorf("answer %q, %d dials, %d resumes", body, h.dials, c.Stats().Link.Resumes)
		}
		d.check(t, "up", "fresh")
	})
}

// TestMigrateErrors: where there is nothing to move, or no way to wait for it.
func TestMigrateErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, nil)
		in := make(chan error, 1)
		way := errors.New("no way")
		var fail atomic.Bool
		cfg := &Config{
			Setup: func(e *End) error {
				in <- e.Migrate(t.Context())
				return nil
			},
			Redial: func(ctx context.Context) (net.Conn, error) {
				if fail.Load() {
					return nil, way
				}
				return h.dial(ctx)
			},
			Logger: quiet(nil).Logger,
		}
		nc, err := h.dial(t.Context())
		must(t, err)
		c, err := Client(t.Context(), nc, cfg)
		must(t, err)
		refused := func(err error, text string) {
			t.Helper()
			if CodeOf(err) != FailedPrecondition || !strings.Contains(err.Error(), text) {
				t.Errorf("error is %v, want FailedPrecondition and %q", err, text)
			}
		}
		refused(<-in, "Setup")
		synctest.Wait()
		refused(h.ends[0].Migrate(t.Context()), "Config.Redial")
		c.Handle("inline", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			in <- c.Migrate(ctx)
			return nil, nil
		}), Inline())
		_, err = h.ends[0].Call(t.Context(), "inline", nil)
		must(t, err)
		refused(<-in, "Inline")

		fail.Store(true)
		want(t, c.Migrate(t.Context()), way)
		h.close()
		h.cut()
		synctest.Wait()
		fail.Store(false)
		h.open()
		refused(c.Migrate(t.Context()), "not up")
		_ = c.Close()
		want(t, c.Migrate(t.Context()), net.ErrClosed)
	})
}
