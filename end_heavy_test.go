package gantline

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeavyPeers: what a correct peer does very often does not close the link, and is nothing odd.
func TestHeavyPeers(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, c, s *End){
		"resets all its streams at once": func(t *testing.T, c, s *End) {
			for range 10 {
				var all []*Stream
				for range 1000 {
					st, err := c.OpenStream(t.Context())
					must(t, err)
					all = append(all, st)
				}
				for _, st := range all {
					must(t, st.Reset(nil))
				}
			}
		},
		"gives up calls": func(t *testing.T, c, s *End) {
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 1000 {
					wg.Go(func() {
						_, err := c.Call(ctx, "wait", nil)
						want(t, err, Canceled)
					})
				}
				synctest.Wait()
				cancel()
				wg.Wait()
			}
		},
		"gives up calls that are being answered": func(t *testing.T, c, s *End) {
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 1000 {
					wg.Go(func() { _, _ = c.Call(ctx, "echo", make([]byte, 100)) })
				}
				cancel()
				wg.Wait()
			}
		},
		"closes streams that the other side closes": func(t *testing.T, c, s *End) {
			for range 20 {
				var wg sync.WaitGroup
				for range 1000 {
					wg.Go(func() {
						st, err := c.OpenStream(t.Context())
						must(t, err)
						_, _ = st.Write([]byte("hello"))
						must(t, st.Close())
					})
				}
				wg.Wait()
			}
		},
		"sends and receives": func(t *testing.T, c, s *End) {
			st, err := c.OpenStream(t.Context(), WithName("echo"))
			must(t, err)
			go func() {
				_, _ = st.Write(make([]byte, 32<<20))
				_ = st.CloseWrite()
			}()
			n, err := io.Copy(io.Discard, st)
			if must(t, err); n != 32<<20 {
				t.Errorf("%d bytes", n)
			}
		},
		"reads byte by byte": func(t *testing.T, c, s *End) {
			st, err := c.OpenStream(t.Context(), WithName("echo"))
			must(t, err)
			for range 20000 {
				if _, err := st.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
				var b [1]byte
				if _, err := io.ReadFull(st, b[:]); err != nil {
					t.Fatal(err)
				}
			}
		},
		"pings": func(t *testing.T, c, s *End) {
			for end := time.Now().Add(time.Minute); time.Now().Before(end); {
				_, err := c.Ping(t.Context())
				must(t, err)
			}
		},
		"publishes, and gives up": func(t *testing.T, c, s *End) {
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 1000 {
					wg.Go(func() { _ = c.Publish(ctx, "topic", make([]byte, 100)) })
				}
				synctest.Wait()
				cancel()
				wg.Wait()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, s := pair(t, nil, nil)
				go func() {
					for {
						st, err := s.AcceptStream(context.Background())
						if err != nil {
							return
						}
						if st.Name() != "echo" {
							_ = st.Close()
							continue
						}
						go func() {
							_, _ = io.Copy(st, st)
							_ = st.CloseWrite()
						}()
					}
				}()
				s.Handle("echo", HandlerFunc(func(_ context.Context, r *Request) ([]byte, error) { return r.Body, nil }))
				s.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}))
				begin := time.Now()
				do(t, c, s)
				_, err := c.Ping(t.Context())
				must(t, err)
				for side, e := range map[string]*End{"client": c, "server": s} {
					l := e.Stats().Link
					t.Logf("the %s's peer: %d odd, %d without effect in %v", side, l.Odd, l.Cheap, time.Since(begin))
					if windows := uint64(time.Since(begin)/(10*time.Second)) + 1; l.Odd != 0 || l.Cheap > 800*windows {
						t.Errorf("the %s's peer: %d odd, %d without effect in %v", side, l.Odd, l.Cheap, time.Since(begin))
					}
				}
				closeBoth(c, s)
			})
		})
	}
}
