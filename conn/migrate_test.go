package conn

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestMigrateNotKept: a link that does not outlive its carrier keeps the one it has.
func TestMigrateNotKept(t *testing.T) {
	for name, cfg := range map[string]*Config{"no OnBroken": {}, "no expiry": {OnBroken: func(*Link, error) {}, Expiry: -1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s, _, st := pair(t, cfg)
				near, far := memnet.Pipe()
				defer far.Close()
				if err := c.Migrate(t.Context(), near); !errors.Is(err, ErrNotBroken) {
					t.Errorf("Migrate: %v", err)
				}
				send(c, 1, []byte("x"))
				st.wantFrames(t, 1)
				finish(t, c, s)
			})
		})
	}
}
