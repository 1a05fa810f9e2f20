package conn

import (
	"errors"
	"io"
	"math"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestResumeForgedEpoch: REFUSE has no proof. An epoch in it that no server can have seen does not wear out the
// numbers there are: the client still comes back, and again.
func TestResumeForgedEpoch(t *testing.T) {
	for _, epoch := range []uint64{math.MaxUint64, math.MaxUint64 - 1, 1 << 40} {
		synctest.Test(t, func(t *testing.T) {
			x := newRejoin(t, Config{})
			x.exchange(1)
			x.cut()
			near, far := memnet.Pipe()
			go func() {
				defer far.Close()
				r := frame.Refuse{Code: frame.Aborted, Epoch: epoch}
				_, _ = io.ReadFull(far, make([]byte, 100))
				_, _ = far.Write(message(frame.TypeRefuse, frame.AppendRefuse(nil, &r)))
			}()
			var refused *RefusedError
			if err := x.c.Resume(t.Context(), near); !errors.As(err, &refused) {
				t.Errorf("epoch %d: %v", epoch, err)
			}
			for i := range 2 {
				near, _ := x.carrier()
				if err := x.c.Resume(t.Context(), near); err != nil {
					t.Fatalf("epoch %d, resume %d: %v", epoch, i, err)
				}
				x.exchange(2 + i)
				x.cut()
			}
			abort(x.c, x.s)
		})
	}
}
