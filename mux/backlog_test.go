package mux

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// opens starts n OpenStreams, each on a goroutine, and returns where their errors go.
func opens(ctx context.Context, s *Session, n int) chan error {
	errs := make(chan error, n)
	for range n {
		go func() {
			_, err := s.OpenStream(ctx, &Open{Name: "n"}, nil)
			errs <- err
		}()
	}
	synctest.Wait()
	return errs
}

func backlogOf(n uint32) func(*Config) { return func(c *Config) { c.Peer.Backlog = n } }

// TestBacklog: openers wait while that many streams are not accepted, and each confirmation lets one go on.
func TestBacklog(t *testing.T) {
	for name, confirm := range map[string]func(id uint64) rawFrame{
		"CREDIT 0": func(id uint64) rawFrame { return fCredit(id, 0) },
		"CREDIT":   func(id uint64) rawFrame { return fCredit(id, 9) },
		"RESET":    func(id uint64) rawFrame { return fReset(id, frame.Aborted) },
		"FIN":      func(id uint64) rawFrame { return fData(id, flFin, 0) },
		"STOP":     func(id uint64) rawFrame { return fStop(id, frame.OK) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, backlogOf(4))
				errs := opens(t.Context(), r.Session, 9)
				for done := 4; done <= 9; done++ {
					if len(errs) != done || r.opens.unconfirmed != 4 {
						t.Fatalf("%d are open, %d unconfirmed; want %d and 4", len(errs), r.opens.unconfirmed, done)
					}
					r.take()
					r.ok(confirm(uint64(2 * (done - 3))))
					synctest.Wait()
				}
				for range 9 {
					if err := <-errs; err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// TestBacklogIsCapped: a peer may announce more than 256, but no more are opened unconfirmed.
func TestBacklogIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, backlogOf(1000))
		errs := opens(t.Context(), r.Session, 300)
		if len(errs) != maxUnconfirmed {
			t.Errorf("%d streams are open unconfirmed, want %d", len(errs), maxUnconfirmed)
		}
		r.HandleClose(nil)
		for range 300 {
			<-errs
		}
	})
}

func TestOpenTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, backlogOf(256))
		errs := opens(t.Context(), r.Session, 257)
		began := time.Now()
		for range 256 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		err := <-errs
		var se *StreamError
		if !errors.As(err, &se) || se.Code != frame.ResourceExhausted || se.Remote {
			t.Errorf("error is %v", err)
		}
		if d := time.Since(began); d != DefaultOpenTimeout {
			t.Errorf("after %v, want %v", d, DefaultOpenTimeout)
		}
		for id := range uint64(256) {
			r.ok(fReset(2*id+2, frame.Aborted))
		}
		r.take()
		checkRaw(t, r)
	})
}

// TestBacklogHandsOver: a place that becomes free is never lost, even when the opener it went to has given up
// at that moment.
func TestBacklogHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, backlogOf(1))
		first := opens(t.Context(), r.Session, 1)
		ctx, cancel := context.WithCancel(t.Context())
		second := opens(ctx, r.Session, 1)
		third := opens(t.Context(), r.Session, 1)
		if err := <-first; err != nil || len(second) != 0 || len(third) != 0 {
			t.Fatal("the openers do not wait")
		}
		r.take()
		r.l.Lock()
		cancel() // the second has been woken by it, and waits for the lock
		r.confirmLocked(r.lookup(2).base())
		r.l.Unlock()
		synctest.Wait()
		err := <-second
		if (err == nil) == (len(third) == 1) {
			t.Errorf("second opener: %v, third went on: %v", err, len(third) == 1)
		}
		if err == nil { // it took the place
			r.ok(fCredit(4, 0))
			synctest.Wait()
		}
		if err := <-third; err != nil {
			t.Error(err)
		}
	})
}

// TestBacklogIsKept: openers that passed the backlog and then wait for room in the log count.
func TestBacklogIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, backlogOf(2))
		r.l.limit = 0
		errs := opens(t.Context(), r.Session, 10)
		r.l.limit = 512 << 10
		r.take()
		synctest.Wait()
		if n := len(r.take()); n != 2 || len(errs) != 2 {
			t.Errorf("%d were opened, at most 2 may be unconfirmed", n)
		}
		r.HandleClose(nil)
		for range 10 {
			<-errs
		}
	})
}

// TestBacklogContext: a context ends the wait and its place in the queue.
func TestBacklogContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, backlogOf(1))
		ctx, cancel := context.WithCancelCause(t.Context())
		opens(t.Context(), r.Session, 1)
		errs := opens(ctx, r.Session, 3)
		why := errors.New("why")
		cancel(why)
		for range 3 {
			if err := <-errs; err != why {
				t.Error(err)
			}
		}
		r.take()
		r.ok(fReset(2, frame.Aborted))
		r.take()
		checkRaw(t, r)
	})
}

// TestOpenTimerStaysOver: an opener that got its slot in the very moment the timer fired has used the tick up. It must
// not wait for ever for what comes next.
func TestOpenTimerStaysOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer := openTimer{after: time.Second}
		defer timer.stop()
		began := time.Now()
		for range 2 {
			select {
			case <-timer.c():
			case <-time.After(time.Hour):
				t.Fatal("the timer fires once only")
			}
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("over after %v, want 1s", d)
		}
	})
}
