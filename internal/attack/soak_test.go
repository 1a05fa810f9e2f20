//go:build soak

package attack

import (
	"testing"
	"time"
)

// attackTime is how long one attack lasts.
const attackTime = 5 * time.Second

// TestAllAtOnce: ten minutes of all attacks at once leave nothing behind.
func TestAllAtOnce(t *testing.T) {
	arena := open(t)
	quiet := arena.quiet()
	all := catalogue()
	for i := range all {
		all[i].conns = 1
	}
	arena.attacked(30*time.Second, all) // its tables are as large as they get
	pause(expiry + settleWithin)
	arena.suffer(quiet, 10*time.Minute, all...)
}
