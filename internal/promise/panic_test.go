package promise

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// TestPanicCostsOneCall: a handler that panics, or ends its goroutine, is answered Internal. Other calls that
// run meanwhile and later ones do not notice.
func TestPanicCostsOneCall(t *testing.T) {
	faults := []struct {
		name string
		f    func()
	}{
		{"panic", func() { panic("oops") }},
		{"index out of range", func() { _ = make([]byte, len(modes))[len(modes)] }},
		{"goexit", runtime.Goexit},
	}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
				far.Handle("echo", gantline.HandlerFunc(echo), m.opts...)
				release := make(chan struct{})
				far.Handle("other", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
					<-release
					return []byte("unharmed"), nil
				}))
				other := near.Go(t.Context(), "other", nil)
				for _, fault := range faults {
					if fault.name == "goexit" && m.name == "inline" {
						continue // it would end the goroutine that reads the connection
					}
					far.Handle("bad", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
						fault.f()
						return nil, nil
					}), m.opts...)
					for range 20 {
						_, err := near.Call(t.Context(), "bad", nil)
						if gantline.CodeOf(err) != gantline.Internal {
							t.Fatalf("%s: %v", fault.name, err)
						}
					}
					healthy(t, near, far)
				}
				close(release)
				if got, err := other.Wait(t.Context()); err != nil || string(got) != "unharmed" {
					t.Errorf("the call that ran meanwhile: %q, %v", got, err)
				}
			})
		})
	}
}

// TestPanicInOtherPlaces: the same for streaming calls, notifies and subscriptions.
func TestPanicInOtherPlaces(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		far.HandleStream("bad", func(context.Context, *gantline.Request, *gantline.CallStream) error { panic("oops") })
		notified := make(chan struct{}, 1)
		far.Handle("note", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
			notified <- struct{}{}
			panic("oops")
		}))
		far.Subscribe("bad", func(context.Context, *gantline.Message) error { panic("oops") })
		for range 20 {
			cs, err := near.OpenCall(t.Context(), "bad")
			if err == nil {
				_, err = cs.Recv(t.Context())
			}
			if gantline.CodeOf(err) != gantline.Internal {
				t.Fatalf("streaming call: %v", err)
			}
			if err := near.Notify(t.Context(), "note", nil); err != nil {
				t.Fatalf("notify: %v", err)
			}
			<-notified
			if err := near.Publish(t.Context(), "bad", nil); gantline.CodeOf(err) != gantline.Internal {
				t.Fatalf("publish: %v", err)
			}
		}
		healthy(t, near, far)
	})
}
