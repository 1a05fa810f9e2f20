package server_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/server"
)

// TestMakesWay: a caller that waits for an answer of an End that makes way gets it. The End makes way for the client's
// next process, or because the listener closes. The caller may use the listener then.
func TestMakesWay(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, publish func(ln *server.Listener, e *gantline.End))
	}{
		{"next process", func(t *testing.T, publish func(*server.Listener, *gantline.End)) {
			ln, raw := listenRaw(t)
			nc, _ := raw.dial(t, gantline.Config{ID: "x", Redial: func(context.Context) (net.Conn, error) { return nil, syscall.ENETUNREACH }})
			publish(ln, mustAccept(t, ln))
			synctest.Wait()
			nc.Cut()
			synctest.Wait()
			raw.dial(t, gantline.Config{ID: "x"})
		}},
		{"ghost", func(t *testing.T, publish func(*server.Listener, *gantline.End)) {
			first := make(chan *gantline.End, 1)
			ln, _, down, _ := ghosts(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
				first <- e
				return nil
			}}))
			publish(ln, <-first)
			down.Store(true)
			<-time.After(server.DefaultHandshakeTimeout + time.Second)
			synctest.Wait()
			ln.Close()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan error, 1)
				tt.run(t, func(ln *server.Listener, e *gantline.End) {
					_, err := e.PublishAsync(t.Context(), "t", nil, gantline.OnDone(func(err error) {
						_ = ln.End("x")
						told <- err
					}))
					if err != nil {
						t.Error(err)
					}
				})
				if err := <-told; !errors.Is(err, gantline.ErrSessionLost) {
					t.Errorf("told %v", err)
				}
			})
		})
	}
}
