package conn

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestExpiryLate: the timer of an earlier break fired, and its goroutine gets the lock only when the link has had a
// carrier and lost it again. That break has its own time.
func TestExpiryLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{Expiry: time.Minute, HandshakeTimeout: 5 * time.Second})
		x.cut()
		near, _ := x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatal(err)
		}
		x.cut()
		x.s.expire(0, 0)
		<-time.After(30 * time.Second)
		near, _ = x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Errorf("half a minute after the second break: %v", err)
		}
		abort(x.c, x.s)
	})
}
