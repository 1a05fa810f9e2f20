package gantline

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/mux"
)

// TestNestedTooDeep: subscriptions that publish back in a circle end with a typed error. What is too deep is not stored
// first.
func TestNestedTooDeep(t *testing.T) {
	for _, tt := range []struct {
		name string
		back func(ctx context.Context, e *End, body []byte) error
	}{
		{"Publish", func(ctx context.Context, e *End, body []byte) error { return e.Publish(ctx, "t", body) }},
		{"PublishAsync", func(ctx context.Context, e *End, body []byte) error {
			p, err := e.PublishAsync(ctx, "t", body)
			if err != nil {
				return err
			}
			return p.Wait(ctx)
		}},
		{"Topic", func(ctx context.Context, e *End, body []byte) error { return Topic[[]byte]("t").Publish(ctx, e, body) }},
		{"the same id, remembered", func(ctx context.Context, e *End, body []byte) error {
			return e.Publish(ctx, "t", body, WithMessageID(MessageID{1}))
		}},
		{"by turns with calls", func(ctx context.Context, e *End, body []byte) error {
			if handlerFrom(ctx).Depth%2 == 0 {
				return e.Publish(ctx, "t", body)
			}
			_, err := e.Call(ctx, "t", body)
			return err
		}},
	} {
		for _, outbox := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, outbox %v", tt.name, outbox), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					b := newMemoryBox()
					var cfg, scfg Config
					cfg.Dedup, scfg.Dedup = NewDedup(100, 0), NewDedup(100, 0)
					if outbox {
						cfg.Outbox = b
					}
					c, s := pair(t, &cfg, &scfg)
					ran, limited := 0, 0
					for _, e := range []*End{c, s} {
						step := func(ctx context.Context, body []byte) error {
							ran++
							err := tt.back(ctx, e, body)
							if handlerFrom(ctx).Depth == mux.MaxDepth {
								limited++
								want(t, err, ResourceExhausted)
								_, err := e.Ping(ctx) // waits, but begins nothing
								must(t, err)
							}
							return err
						}
						e.Subscribe("t", func(ctx context.Context, m *Message) error { return step(ctx, m.Body) })
						e.Handle("t", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) { return nil, step(ctx, req.Body) }))
					}
					want(t, tt.back(context.WithValue(t.Context(), handlerKey{}, &handlerContext{}), c, []byte("x")), ResourceExhausted)
					if ran != mux.MaxDepth || limited != 1 { // it began at depth 1
						t.Errorf("%d functions ran, %d at the limit", ran, limited)
					}
					synctest.Wait()
					if left := b.texts(""); outbox && (len(left) != 0 || b.keeps != mux.MaxDepth/2) {
						t.Errorf("the outbox has %q, and kept %d", left, b.keeps)
					}
				})
			})
		}
	}
}

// TestNestedOrder: a function that does not go back to the peer is called for one message after the other in the order in
// which they were sent, whatever their depths.
func TestNestedOrder(t *testing.T) {
	const n = 300
	for _, nests := range []bool{false, true} {
		c, s := pair(t, nil, nil)
		var inside, together atomic.Int32
		var got []byte
		c.Handle("echo", echo)
		s.Handle("echo", echo)
		stop := c.Subscribe("news", func(ctx context.Context, m *Message) error {
			if inside.Add(1) > 1 {
				together.Add(1)
			}
			defer inside.Add(-1)
			if nests {
				_, err := c.Call(ctx, "echo", nil)
				return err
			}
			got = append(got, m.Body...)
			return nil
		})
		s.Handle("tell", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
			_, err := s.PublishAsync(context.WithoutCancel(ctx), "news", req.Body) // of depth 1
			return nil, err
		}))
		var expected []byte
		var last *Publication
		for i := range n {
			expected = append(expected, byte(i))
			if i%3 == 0 {
				_, err := c.Call(t.Context(), "tell", expected[i:])
				must(t, err)
				continue
			}
			p, err := s.PublishAsync(t.Context(), "news", expected[i:])
			must(t, err)
			last = p
		}
		must(t, last.Wait(short(t)))
		must(t, s.Publish(short(t), "news", nil)) // after those of depth 1
		stop()
		if nests != (together.Load() > 0) {
			t.Errorf("it nests: %v; it was called %d times while it ran", nests, together.Load())
		}
		if !nests && string(got) != string(expected) {
			t.Errorf("got %v", got)
		}
	}
}

// TestNestedPassesOlder: what is nested does not wait for older messages that go out again, for those may be waiting for it.
func TestNestedPassesOlder(t *testing.T) {
	for _, limit := range []int{1, 8} {
		bubble(t, func(t *testing.T) {
			const n = 40
			limits := Limits{Messages: limit}
			var got atomic.Int32
			h := newTestServer(t, &Config{Limits: limits, Setup: func(e *End) error {
				e.Subscribe("t", func(ctx context.Context, m *Message) error { return e.Publish(ctx, "back", m.Body) })
				e.Subscribe("end", func(context.Context, *Message) error { got.Add(1); return nil })
				return nil
			}})
			b := newMemoryBox()
			for i := range n {
				b.put("", fmt.Sprint(i))
			}
			var a answers
			c := h.client(&Config{Limits: limits, Outbox: b, OnKept: a.hook, Setup: func(e *End) error {
				e.Subscribe("back", func(ctx context.Context, m *Message) error { return e.Publish(ctx, "end", m.Body) })
				return nil
			}})
			must(t, c.Publish(short(t), "t", []byte("new")))
			synctest.Wait()
			if all := a.take(); len(all) != n || got.Load() != n+1 {
				t.Errorf("limit %d: %d of %d were answered: %q; %d functions ran", limit, len(all), n, all, got.Load())
			}
			if left := b.texts(""); len(left) != 0 {
				t.Errorf("%q are left", left)
			}
		})
	}
}

// TestNestedCuts: a session that is resumed again and again loses nothing of what functions on both sides publish back.
func TestNestedCuts(t *testing.T) {
	for _, limit := range []int{1, 8, 1024} {
		bubble(t, func(t *testing.T) {
			const n, hops = 300, 5
			var ran atomic.Int32
			setup := func(e *End) error {
				e.Subscribe("t", func(ctx context.Context, m *Message) error {
					if ran.Add(1); m.Body[0] == 0 {
						return nil
					}
					select { // so that it takes time
					case <-time.After(time.Millisecond):
					case <-ctx.Done():
					}
					return e.Publish(ctx, "t", []byte{m.Body[0] - 1})
				})
				return nil
			}
			limits := Limits{Messages: limit}
			h := newTestServer(t, &Config{Setup: setup, Limits: limits})
			c := h.client(&Config{Setup: setup, Limits: limits})
			must(t, c.Publish(short(t), "t", []byte{0}))
			synctest.Wait()
			ran.Store(0)
			var all []*Publication
			for _, e := range []*End{c, h.ends[0]} {
				e := e
				started := make(chan *Publication, n)
				go func() {
					defer close(started)
					for range n {
						p, err := e.PublishAsync(context.Background(), "t", []byte{hops})
						if err != nil {
							t.Error(err)
							return
						}
						started <- p
					}
				}()
				defer func() {
					for range started { // after a failure
					}
				}()
				for i := range n {
					p := <-started
					if i%20 == 0 {
						h.cut()
					}
					all = append(all, p)
				}
			}
			for i, p := range all {
				if err := p.Wait(short(t)); err != nil {
					t.Errorf("limit %d, message %d: %v", limit, i, err)
				}
			}
			if k := ran.Load(); k != 2*n*(hops+1) || c.Stats().Sessions != 1 {
				t.Errorf("limit %d: %d functions ran, want %d; %d sessions", limit, k, 2*n*(hops+1), c.Stats().Sessions)
			}
		})
	}
}

// TestNestedEnds: what ends messages that go back and forth without end also ends the functions that wait for them.
func TestNestedEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, c, s *End, stops []func(), cancel func())
	}{
		{"Close", func(t *testing.T, c, s *End, stops []func(), cancel func()) { must(t, c.Close()) }},
		{"Close of both", func(t *testing.T, c, s *End, stops []func(), cancel func()) { closeBoth(c, s) }},
		{"Shutdown", func(t *testing.T, c, s *End, stops []func(), cancel func()) { must(t, c.Shutdown(t.Context())) }},
		{"context", func(t *testing.T, c, s *End, stops []func(), cancel func()) { cancel() }},
		{"stop", func(t *testing.T, c, s *End, stops []func(), cancel func()) {
			for _, stop := range stops {
				stop()
			}
		}},
		{"lost", func(t *testing.T, c, s *End, stops []func(), cancel func()) { s.session().Link.Abort(nil) }},
	} {
		for _, limit := range []int{1, 8} {
			t.Run(fmt.Sprintf("%s, limit %d", tt.name, limit), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, s := pair(t, &Config{Limits: Limits{Messages: limit}}, &Config{Limits: Limits{Messages: limit}})
					var running atomic.Int32
					var stops []func()
					for _, e := range []*End{c, s} {
						stops = append(stops, e.Subscribe("t", func(ctx context.Context, m *Message) error {
							running.Add(1)
							defer running.Add(-1)
							<-time.After(time.Millisecond)
							return e.Publish(ctx, "t", nil)
						}))
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					done := make(chan error, 200)
					for range cap(done) / 2 {
						for _, e := range []*End{c, s} {
							go func() { done <- e.Publish(ctx, "t", nil) }()
						}
					}
					<-time.After(50 * time.Millisecond)
					if n := running.Load(); n < 3 {
						t.Errorf("%d functions run", n)
					}
					tt.end(t, c, s, stops, cancel)
					for range cap(done) {
						if err := <-done; err == nil {
							t.Error("a circle without end has ended well")
						}
					}
					<-time.After(time.Minute) // what has arrived is still handed out
					if n := running.Load(); n != 0 {
						t.Errorf("%d functions run still", n)
					}
				})
			})
		}
	}
}
