package sessions

import (
	"testing"
	"time"
)

// TestPauseFirst: how long the first attempt after a loss waits.
func TestPauseFirst(t *testing.T) {
	in(t, func(t *testing.T) {
		p := newPauses()
		if d := p.first(1, false); d != 0 {
			t.Errorf("after the first bytes %v", d)
		}
		p.up(1)
		for range 20 {
			if d := p.first(1, false); d > redialIdle {
				t.Errorf("without progress %v", d)
			}
		}
		<-time.After(progressUp)
		if d := p.first(1, false); d != 0 {
			t.Errorf("after a while %v", d)
		}

		<-time.After(2 * immediateSpan)
		at := uint64(2)
		for range immediateMax {
			at++
			if d := p.first(at, false); d != 0 {
				t.Fatalf("after progress %v", d)
			}
		}
		some := time.Duration(0)
		for range 20 {
			at++
			some = max(some, p.first(at, false))
		}
		if some == 0 || some > 2*redialFirst {
			t.Errorf("after more than %d losses within %v the longest pause is %v", immediateMax, immediateSpan, some)
		}
		<-time.After(2 * immediateSpan)
		if d := p.first(at+1, false); d != 0 {
			t.Errorf("later %v", d)
		}
	})
}

// TestPauseNext: how long the next attempt waits, at most, when the last one has failed. The pauses are random, and grow.
func TestPauseNext(t *testing.T) {
	tests := []struct {
		name    string
		dialled bool
		down    time.Duration
		most    time.Duration
	}{
		{"soon", false, 0, redialIdle},
		{"still soon", false, redialSoon - 1, redialIdle},
		{"later", false, redialSoon, redialSoon},
		{"much later", false, time.Hour, 2 * redialMax},
		{"with a carrier", true, time.Hour, redialIdle},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			longest := time.Duration(0)
			for range 100 {
				p := newPauses()
				if d := p.next(tt.dialled, tt.down); d > 2*redialFirst {
					t.Fatalf("the first one is %v", d)
				}
				for range 20 {
					longest = max(longest, p.next(tt.dialled, tt.down))
				}
			}
			if longest > tt.most || longest < tt.most*3/4 {
				t.Errorf("the longest of many is %v, at most %v", longest, tt.most)
			}
		})
	}
}

// TestPauseHerd: after refused dials the pauses are those of a crowd, and backoff grows meanwhile.
func TestPauseHerd(t *testing.T) {
	bounds := [][2]time.Duration{{0, redialSpread}, {0, redialHerd}, {redialStep, redialStep + redialSway}, {redialStep, redialStep + redialSway}}
	longest := time.Duration(0)
	for range 100 {
		p := newPauses()
		for range 2 {
			for i, b := range bounds {
				if d := p.herd(); d < b[0] || d > b[1] {
					t.Fatalf("after %d refused dials %v", i+1, d)
				}
			}
			for range 10 {
				p.herd()
			}
			longest = max(longest, p.next(false, time.Hour))
			p.first(1, false) // the next loss
		}
	}
	if longest < redialMax {
		t.Errorf("the longest pause afterwards is %v", longest)
	}
}

// TestPauseInvited: who is asked to come again and again waits longer and longer, whatever gets through meanwhile. A session
// that lasts ends that.
func TestPauseInvited(t *testing.T) {
	in(t, func(t *testing.T) {
		p := newPauses()
		<-time.After(progressUp)
		if d := p.first(1, true); d != 0 {
			t.Errorf("after a session that has lasted %v", d)
		}
		var longest time.Duration
		for at := range uint64(200) {
			p.up(at)
			<-time.After(progressUp - 1)
			longest = max(longest, p.first(at+1, true))
		}
		if longest < redialMax || longest > 2*redialMax {
			t.Errorf("the longest pause is %v", longest)
		}
		p.up(500)
		<-time.After(progressUp)
		if d := p.first(501, true); d != 0 {
			t.Errorf("after another one that has lasted %v", d)
		}
	})
}
