package oddity

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// Window is the time in which a peer may send MaxOdd and MaxCheap.
const Window = 10 * time.Second

const (
	// MaxOdd is how many frames a peer may send in a window that no correct peer sends.
	MaxOdd = 100
	// MaxCheap is how many frames without effect it may send beyond its Allowance. A correct peer sends the heartbeat,
	// and 50 PINGs per second after 200.
	MaxCheap = 1000
)

// A Kind says what a correct peer has to do with it.
type Kind uint8

const (
	Odd   Kind = iota // it never sends that
	Cheap             // it sends that, but not often
	kinds
)

// limits are the numbers of the kinds, and what they are called.
var limits = [kinds]struct {
	max  int
	name string
}{
	Odd:   {MaxOdd, "frames that no correct peer sends"},
	Cheap: {MaxCheap, "pings and frames without effect"},
}

// A Budget limits what a peer sends without a use. The zero value is ready.
type Budget struct {
	since int64      // when the window began
	n     [kinds]int // in the window
	total [kinds]atomic.Uint64
}

// Spend takes one from the budget. now is a time in nanoseconds that does not go back; what names the frame.
func (b *Budget) Spend(k Kind, what string, now int64) error {
	if now-b.since >= int64(Window) {
		b.since, b.n = now, [kinds]int{}
	}
	b.total[k].Add(1)
	if b.n[k]++; b.n[k] > limits[k].max {
		return errs.New(frame.ResourceExhausted,
			fmt.Sprintf("more than %d %s within %v, the last was %s", limits[k].max, limits[k].name, Window, what))
	}
	return nil
}

// Count returns how many there were of a kind since the beginning.
func (b *Budget) Count(k Kind) uint64 { return b.total[k].Load() }

// maxAllowance bounds what an Allowance keeps. It is one frame for each of 32 Ki of ours, more than can be open at a time.
const maxAllowance = 32 << 10 * frame.HeaderLen

// An Allowance lets a peer send as many frames without effect as it got from us. It counts by bytes, since
// a frame has at least its header. The zero value is ready.
type Allowance struct {
	seen uint64 // bytes sent that are in left
	left int
}

// Take reports whether one more is free. sent is how many bytes of frames this side has sent.
func (a *Allowance) Take(sent uint64) bool {
	a.left += int(min(sent-a.seen, uint64(maxAllowance-a.left)))
	a.seen = sent
	if a.left < frame.HeaderLen {
		return false
	}
	a.left -= frame.HeaderLen
	return true
}
