package inbox

import "time"

// Patience is how long a message waits where no Taker takes it. It waits longer only where Receive was called before, and
// the Inbox has not ended. Patience is also how long a Receive that was called may pause before it loses its claim to
// more than half of the limits.
const Patience = 10 * time.Second

// began is when the process began, by the monotonic clock.
var began = time.Now()

// uptime is the time since then. An Item has it in place of a time.Time, which is three times as large.
func uptime() time.Duration { return time.Since(began) }

// patience is what an Inbox remembers to give up messages that nobody claims. Guarded by the Inbox's lock.
type patience struct {
	timer    *time.Timer
	armed    bool
	full     time.Time // since when unclaimed messages hold half of the limits, ...
	receives uint64    // ... without a Receive since this many
}

// claimSoonLocked starts the clock for an unclaimed message, if there is one.
func (in *Inbox[M]) claimSoonLocked(it *Item[M]) {
	if in.claimedLocked() {
		return
	}
	it.since = uptime()
	in.armLocked()
}

// claimedLocked reports whether what no Taker takes waits for a Receive, however long.
func (in *Inbox[M]) claimedLocked() bool { return in.receives > 0 && in.ended == nil }

// armLocked sets the timer for the oldest unclaimed message.
func (in *Inbox[M]) armLocked() {
	it := in.unclaimed.oldest()
	if it == nil || in.patience.armed || in.room.Unreachable() {
		return
	}
	in.patience.armed = true
	after := it.since + Patience - uptime()
	if in.patience.timer == nil {
		in.patience.timer = time.AfterFunc(after, in.giveUp)
		return
	}
	in.patience.timer.Reset(after)
}

// giveUp gives up what waited too long. Timer goroutine.
func (in *Inbox[M]) giveUp() {
	var old []M
	in.mu.Lock()
	in.patience.armed = false
	if in.claimedLocked() {
		in.mu.Unlock()
		return
	}
	ended := in.ended
	for it := in.unclaimed.oldest(); it != nil && uptime()-it.since >= Patience; it = in.unclaimed.oldest() {
		in.unclaimed.remove(it)
		old = append(old, it.of)
	}
	in.armLocked()
	in.mu.Unlock()
	for _, m := range old {
		in.room.GiveUp(m, ended)
	}
}

// Overflow says why PutLocked has not queued a message: as many as these wait for Receive already.
type Overflow struct {
	Messages, Bytes int
	Limits          Limits // which they hold half of
	Paused          bool   // Receive was called, but not for Patience
}

// overflowLocked keeps unclaimed messages within half of the limits while there are Takers, for whom the other half is.
// A Receive that is called every now and then is a consumer like any other and may have all.
func (in *Inbox[M]) overflowLocked(it *Item[M]) *Overflow {
	if in.unclaimed.len < max(1, in.limits.Messages/2) && in.unclaimed.bytes+int(it.bytes) <= in.limits.Bytes/2 {
		in.patience.full = time.Time{}
		return nil
	}
	if !in.room.SharedLocked() {
		return nil
	}
	if in.receives > 0 {
		if in.patience.full.IsZero() || in.patience.receives != in.receives {
			in.patience.full, in.patience.receives = time.Now(), in.receives
		}
		if time.Since(in.patience.full) < Patience {
			return nil
		}
	}
	return &Overflow{Messages: in.unclaimed.len, Bytes: in.unclaimed.bytes, Limits: in.limits, Paused: in.receives > 0}
}
