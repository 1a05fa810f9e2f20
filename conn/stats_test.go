package conn

import (
	"testing"
	"testing/synctest"
)

// TestStatsResumed: the numbers of a link go on over its next carrier.
func TestStatsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		for i := range 20 {
			x.exchange(i + 1)
		}
		before := x.s.Stats()
		x.cut()
		near, _ := x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatal(err)
		}
		x.exchange(21)
		after := x.s.Stats()
		for name, v := range map[string][2]uint64{
			"BytesIn": {before.BytesIn, after.BytesIn}, "BytesOut": {before.BytesOut, after.BytesOut},
			"FramesIn": {before.FramesIn, after.FramesIn}, "FramesOut": {before.FramesOut, after.FramesOut},
			"Received": {before.Received, after.Received}, "Flushes": {before.Flushes, after.Flushes},
			"AcksIn": {before.AcksIn, after.AcksIn},
		} {
			if v[1] <= v[0] {
				t.Errorf("%s goes from %d to %d", name, v[0], v[1])
			}
		}
		abort(x.c, x.s)
	})
}
