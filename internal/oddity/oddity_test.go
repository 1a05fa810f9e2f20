package oddity

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestSpend: each kind has its own limit in a window, and the error names it.
func TestSpend(t *testing.T) {
	for k, limit := range map[Kind]int{Odd: MaxOdd, Cheap: MaxCheap} {
		var b Budget
		for range limit {
			if err := b.Spend(k, "a frame", 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Spend(1-k, "another", 1); err != nil {
			t.Errorf("the other kind: %v", err)
		}
		err := b.Spend(k, "a PING", int64(Window)-1)
		if !errors.Is(err, frame.ResourceExhausted) || !strings.Contains(err.Error(), fmt.Sprint(limit)) || !strings.Contains(err.Error(), "a PING") {
			t.Errorf("%v", err)
		}
		if err := b.Spend(k, "a frame", int64(Window)); err != nil {
			t.Errorf("in the next window: %v", err)
		}
		if n := b.Count(k); n != uint64(limit)+2 {
			t.Errorf("%d counted", n)
		}
	}
}

// TestAllowance: one frame is free for each that was sent, and what was sent long ago is not kept for ever.
func TestAllowance(t *testing.T) {
	var a Allowance
	if a.Take(0) || a.Take(frame.HeaderLen-1) {
		t.Error("free before anything was sent")
	}
	const sent = 10 * frame.HeaderLen
	for i := range 10 {
		if !a.Take(sent) {
			t.Fatalf("the %dth of 10 is not free", i+1)
		}
	}
	if a.Take(sent) {
		t.Error("more are free than were sent")
	}
	n := 0
	for a.Take(1 << 50) {
		n++
	}
	if n != maxAllowance/frame.HeaderLen {
		t.Errorf("%d are free after a long time", n)
	}
	if a.Take(1<<50) || !a.Take(1<<50+frame.HeaderLen) {
		t.Error("not one for the next frame")
	}
}

// TestAllocs: a frame without effect costs no memory.
func TestAllocs(t *testing.T) {
	var b Budget
	var a Allowance
	now := int64(1)
	if n := testing.AllocsPerRun(100, func() {
		now += int64(Window)
		a.Take(uint64(now))
		_ = b.Spend(Odd, "a frame", now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
