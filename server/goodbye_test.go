package server_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// TestUnheardGoodbye: a client learns on its return what ended its session while it was away. Its End ends as the
// goodbye would have ended it.
func TestUnheardGoodbye(t *testing.T) {
	tests := []struct {
		name string
		end  func(t *testing.T, e *gantline.End, dial func() (net.Conn, error))
		code gantline.Code
	}{
		{"closed", func(t *testing.T, e *gantline.End, _ func() (net.Conn, error)) {
			if err := e.Close(); err == nil {
				t.Error("Close confirmed what the client never got")
			}
		}, gantline.OK},
		{"another process has the id now", func(t *testing.T, _ *gantline.End, dial func() (net.Conn, error)) {
			nc, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			second, err := gantline.Client(t.Context(), nc, &gantline.Config{ID: "c"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = second.Close() })
		}, gantline.AlreadyExists},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := memnet.Listen("s")
				l := server.NewListener(ln)
				defer l.Close()
				var off atomic.Bool
				var last *memnet.Conn
				dial := func() (net.Conn, error) { return ln.Dial(t.Context()) }
				redial := func(ctx context.Context) (net.Conn, error) {
					if off.Load() {
						return nil, syscall.ENETUNREACH
					}
					return ln.Dial(ctx)
				}
				nc, err := ln.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				last = nc
				c, err := gantline.Client(t.Context(), nc, &gantline.Config{ID: "c", Redial: redial})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				e, err := l.AcceptEnd(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				off.Store(true)
				last.Cut()
				synctest.Wait()
				if _, err := e.PublishAsync(t.Context(), "t", []byte("unheard")); err != nil {
					t.Fatal(err)
				}
				tt.end(t, e, dial)
				off.Store(false)
				select {
				case <-c.Context().Done():
				case <-time.After(time.Minute):
					t.Fatalf("the client is %v a minute later", c.State())
				}
				err = context.Cause(c.Context())
				if !errors.Is(err, net.ErrClosed) || errors.Is(err, gantline.ErrSessionLost) || tt.code != gantline.OK && !errors.Is(err, tt.code) {
					t.Errorf("the client ends with %v", err)
				}
				t.Log(err)
			})
		})
	}
}
