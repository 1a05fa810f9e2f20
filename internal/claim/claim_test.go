package claim

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTry(t *testing.T) {
	var s Set[string, int]
	a, other := s.Try("a", 1)
	if a == nil || other != nil {
		t.Fatalf("a free key: %v, %v", a, other)
	}
	if b, other := s.Try("b", 2); b == nil || other != nil {
		t.Errorf("another key: %v, %v", b, other)
	}
	own, other := s.Try("a", 3)
	if own != nil || other != a || other.Holder != 1 {
		t.Errorf("a key that is claimed: %v, %v", own, other)
	}
	if n := s.Len(); n != 2 {
		t.Errorf("%d keys are claimed, want 2", n)
	}
	a.Release()
	again, other := s.Try("a", 4)
	if again == nil || other != nil {
		t.Errorf("a key that was released: %v, %v", again, other)
	}
	a.Release() // not the claim of the next one
	(*Claim[string, int])(nil).Release()
	if _, other := s.Try("a", 5); other != again {
		t.Errorf("the second Release ended another claim")
	}
	again.Release()
	if n := s.Len(); n != 1 {
		t.Errorf("%d keys are claimed, want 1", n)
	}
}

func always[H any](H) bool { return true }

// TestClaimUnless: who does not want to wait for a holder gets no claim, and is asked again for the next holder.
func TestClaimUnless(t *testing.T) {
	var s Set[string, int]
	one, _ := s.Try("k", 1)
	var two *Claim[string, int]
	var asked []int
	c, err := s.Claim(t.Context(), "k", 9, func(other int) bool {
		if asked = append(asked, other); other == 1 {
			one.Release()
			two, _ = s.Try("k", 2)
		}
		return other == 1
	})
	if c != nil || err != nil || len(asked) != 2 || asked[0] != 1 || asked[1] != 2 {
		t.Errorf("got %v, %v, asked for %v", c, err, asked)
	}
	if _, other := s.Try("k", 3); other != two {
		t.Error("the holder has lost its claim")
	}
}

// TestClaimWaits: one after another has the key, and nobody before the last one has released it.
func TestClaimWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5
		var s Set[int, int]
		begin := time.Now()
		var wg sync.WaitGroup
		var holds atomic.Int32
		for i := range n {
			wg.Go(func() {
				c, err := s.Claim(t.Context(), 7, i, always)
				if err != nil {
					t.Error(err)
					return
				}
				if holds.Add(1) != 1 {
					t.Error("two hold the key")
				}
				<-time.After(time.Second)
				holds.Add(-1)
				c.Release()
			})
		}
		wg.Wait()
		if d := time.Since(begin); d != n*time.Second {
			t.Errorf("took %v, want %v", d, n*time.Second)
		}
		if s.Len() != 0 {
			t.Error("something is claimed still")
		}
	})
}

// TestClaimContext: the end of its context ends the wait and changes nothing.
func TestClaimContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Set[string, string]
		first, _ := s.Try("k", "first")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if c, err := s.Claim(ctx, "k", "second", always); c != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", c, err)
		}
		if _, other := s.Try("k", "third"); other != first {
			t.Error("the first has lost its claim")
		}
		if err := first.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
		first.Release()
		if err := first.Wait(t.Context()); err != nil {
			t.Errorf("Wait after the end: %v", err)
		}
		// What is free is claimed even with a context that has ended.
		if c, err := s.Claim(ctx, "k", "fourth", always); err != nil {
			t.Errorf("got %v, %v", c, err)
		}
	})
}
