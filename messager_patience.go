package gantline

import (
	"fmt"
	"time"
)

// claimPatience is how long a message waits on a scope where nobody subscribes to its topic and Receive was
// never called, or which has ended; and how long a Receive that was called may pause before it loses its
// claim to more than half of the receive maximum.
const claimPatience = 10 * time.Second

// patience is what an inbox remembers to give up messages that nobody claims. Guarded by the inbox's lock.
type patience struct {
	timer    *time.Timer
	armed    bool
	full     time.Time // since when unclaimed messages hold half of the receive maximum, ...
	receives uint64    // ... without a Receive since this many
}

// claimSoonLocked starts the clock for an unclaimed message, if there is one.
func (sc *messageScope) claimSoonLocked(m *Message) {
	in := &sc.inbox
	if in.receives > 0 && in.ended == nil {
		return
	}
	m.since = time.Now()
	sc.armPatienceLocked()
}

// armPatienceLocked sets the timer for the oldest unclaimed message. The timer needs nobody to stop it: it
// only looks.
func (sc *messageScope) armPatienceLocked() {
	in := &sc.inbox
	m := in.unclaimed.head
	if m == nil || in.patience.armed || sc.end.ctx.Err() != nil {
		return
	}
	in.patience.armed = true
	after := time.Until(m.since.Add(claimPatience))
	if in.patience.timer == nil {
		in.patience.timer = time.AfterFunc(after, sc.giveUpUnclaimed)
		return
	}
	in.patience.timer.Reset(after)
}

// giveUpUnclaimed nacks what waited too long. Timer goroutine.
func (sc *messageScope) giveUpUnclaimed() {
	in := &sc.inbox
	var old []*Message
	in.mu.Lock()
	in.patience.armed = false
	if in.receives > 0 && in.ended == nil {
		in.mu.Unlock()
		return // they wait for Receive
	}
	ended := in.ended
	for m := in.unclaimed.head; m != nil && time.Since(m.since) >= claimPatience; m = in.unclaimed.head {
		in.unclaimed.remove(m)
		old = append(old, m)
	}
	sc.armPatienceLocked()
	in.mu.Unlock()
	for _, m := range old {
		if !m.outcome.CompareAndSwap(unsettled, nacked) {
			continue
		}
		if ended != nil {
			sc.end.refuse(m.x, NotFound, "the stream it was published to has ended")
		} else {
			sc.end.refuse(m.x, Unimplemented, fmt.Sprintf("nobody subscribed or called Receive within %v", claimPatience))
		}
	}
}

// overflowLocked refuses a new message that nobody claims while subscriptions wait for theirs and unclaimed
// ones hold half of the receive maximum, or of the early window that all messages share, already: the other
// half is for the subscriptions. A Receive that is called every now and then is a consumer like any other and
// may have all.
func (sc *messageScope) overflowLocked(m *Message) *Error {
	in := &sc.inbox
	most := sc.end.cfg.Limits.Messages
	if in.unclaimed.len < max(1, most/2) && in.unclaimed.bytes+m.early <= earlyPool/2 {
		in.patience.full = time.Time{}
		return nil
	}
	if in.topics.Empty() && (!sc.isEnd() || sc.end.cfg.Router == nil || sc.end.cfg.Router.topics().empty()) {
		return nil
	}
	code := Unimplemented
	if in.receives > 0 {
		if in.patience.full.IsZero() || in.patience.receives != in.receives {
			in.patience.full, in.patience.receives = time.Now(), in.receives
		}
		if time.Since(in.patience.full) < claimPatience {
			return nil
		}
		code = ResourceExhausted
	}
	return errorf(code, "nobody subscribes to the topic, and %d such messages with %d bytes take half of what may wait unread, %d messages (Limits.Messages) or %d bytes: subscribe, or call Receive",
		in.unclaimed.len, in.unclaimed.bytes, most, earlyPool)
}
