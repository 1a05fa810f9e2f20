package sessions

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestRedialExpired: a session that expires while a dial goes on is lost, and the next attempt is for a new one.
func TestRedialExpired(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(func(w *world) {
			w.dial = func(ctx context.Context) (net.Conn, error) {
				if HintOf(ctx).Home == nil {
					return w.connect(ctx)
				}
				<-time.After(redialAttempt - 1)
				return w.connect(ctx)
			}
			w.resume = &conn.RefusedError{Code: frame.Unavailable, RetryAfter: time.Second}
		})
		w.cut()
		<-time.After(2 * conn.DefaultExpiry)
		if s := w.ln.Session(); s.Seq != 2 || s.Native.State() != conn.StateUp {
			t.Errorf("session %d is %v", s.Seq, s.Native.State())
		}
		w.wantCalls("lost", "fresh")
	})
}

// TestRedialMigrated: a carrier that Migrate brings ends the search for another one.
func TestRedialMigrated(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(func(w *world) {
			w.dial = func(ctx context.Context) (net.Conn, error) {
				<-time.After(10 * time.Second)
				return w.connect(ctx)
			}
		})
		w.cut()
		<-time.After(5 * time.Second)
		nc, _ := w.connect(t.Context())
		if err := w.ln.Session().Native.Resume(t.Context(), nc); err != nil {
			t.Fatal(err)
		}
		w.ln.Wait()
		if n := len(w.since(time.Now())); n != 1 {
			t.Errorf("%d dials", n)
		}
		w.wantCalls()
	})
}

// TestRedialStops: the end of a Line ends its search, whatever that is at, and Wait waits for it.
func TestRedialStops(t *testing.T) {
	silent := func(context.Context) (net.Conn, error) {
		near, _ := memnet.Pipe()
		return near, nil
	}
	stuck := func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, dial := range map[string]func(context.Context) (net.Conn, error){"in a pause": refused, "in a dial": stuck, "in a handshake": silent} {
		for _, lost := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				in(t, func(t *testing.T) {
					w := newWorld(t)
					w.set(func(w *world) { w.dial = dial })
					w.cut()
					if <-time.After(30 * time.Second); lost {
						<-time.After(conn.DefaultExpiry)
					}
					if w.ln.Session().Lost() != lost {
						t.Fatalf("lost: %v", !lost)
					}
					waited := make(chan time.Time, 1)
					go func() {
						w.ln.Wait()
						waited <- time.Now()
					}()
					synctest.Wait()
					if len(waited) > 0 {
						t.Error("Wait does not wait")
					}
					w.ln.Finish(errClosed)
					if d := time.Since(<-waited); d != 0 {
						t.Errorf("it went on for %v", d)
					}
					w.ln.Kick()
					w.ln.Wait()
				})
			})
		}
	}
}
