package conn

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestStoodStill: a process that was stopped for longer than its peer waits finds frames in its socket that the peer
// has written off. It does not take them: neither when the reader finds them first, nor when the watchdog does.
func TestStoodStill(t *testing.T) {
	dead := func(l *Link) int64 { return int64(l.peer.Heartbeat) * 5 / 3 }
	tests := []struct {
		name string
		late func(l *Link) int64 // how long the watchdog is overdue
		wake func(c, s *Link)    // what happens first
		want bool                // the frame is taken
	}{
		{"the reader first", dead, func(c, _ *Link) { send(c, 1, []byte("stale")) }, false},
		{"the watchdog first", dead, func(c, s *Link) { s.heartbeat(); send(c, 1, []byte("stale")) }, false},
		{"a shorter stop, the reader", func(l *Link) int64 { return dead(l) - int64(time.Second) }, func(c, _ *Link) { send(c, 1, []byte("good")) }, true},
		{"a shorter stop, the watchdog", func(l *Link) int64 { return dead(l) - int64(time.Second) }, func(c, s *Link) { s.heartbeat(); send(c, 1, []byte("good")) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				<-time.After(time.Hour)
				c, s, _, st := pair(t, nil)
				<-time.After(time.Second)
				s.beat.due.Store(s.now() - tt.late(s)) // no clock of ours can be stopped while others run
				tt.wake(c, s)
				synctest.Wait()
				if got := len(st.got()) == 1; got != tt.want {
					t.Errorf("taken: %v", got)
				}
				if err := s.Err(); (err == nil) != tt.want || err != nil && !errors.Is(err, ErrStoodStill) {
					t.Errorf("the link ended with %v", err)
				}
				abort(c, s)
			})
		})
	}
}
