package chaos

import (
	"maps"
	"slices"
	"time"
)

// Counters is what a group has done since it began. Byte counts are of bytes handed to the receiver's kernel,
// flipped ones included. A receiver may have bytes an instant before they count.
type Counters struct {
	Connections int64 `json:"connections"`  // accepted or wrapped
	Open        int64 `json:"open"`         // of them, those that are not over
	BytesUp     int64 `json:"bytes_up"`     // forwarded from the dialing ends to the targets
	BytesDown   int64 `json:"bytes_down"`   // forwarded back
	DroppedUp   int64 `json:"dropped_up"`   // read and never forwarded: swallowed, or left when a connection ended
	DroppedDown int64 `json:"dropped_down"` // likewise
	Flipped     int64 `json:"flipped"`      // bytes with a flipped bit
	// Faults counts how often each kind happened, rules and Inject together; Flap counts each time it went
	// down. Kinds that never happened are missing.
	Faults       map[Kind]int64 `json:"faults"`
	DialsRefused int64          `json:"dials_refused"` // the target refused the proxy's dial: the client got RST
	DialsFailed  int64          `json:"dials_failed"`  // the dial failed otherwise: the client got RST
	Refused      int64          `json:"refused"`       // connections that arrived just when an outage began: they got RST. Those refused by the kernel are not seen
	Unsettled    int64          `json:"unsettled"`     // resets after which the receiver may lack bytes: Config.Settle was over
}

// An Event is a fault that happened.
type Event struct {
	Seq  int64         `json:"seq"`   // 1 for the first one
	At   time.Duration `json:"at_ns"` // since the group began
	Rule string        `json:"rule"`  // the rule, or the injected fault, as text
	Conn int           `json:"conn"`  // the connection that triggered it; 0 = the time, the total, or Inject for all
	Up   int64         `json:"up"`    // bytes forwarded by then on Conn, or in total if that is 0
	Down int64         `json:"down"`  // likewise
}

// A ConnInfo describes a connection that is not over.
type ConnInfo struct {
	ID   int    `json:"id"`   // its number, as rules and Inject use it
	From string `json:"from"` // the remote address of the dialing end
	Up   int64  `json:"up"`   // bytes forwarded
	Down int64  `json:"down"` // likewise
}

// Counters returns the current numbers.
func (g *Group) Counters() Counters {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counters
	c.Open = int64(len(g.links))
	c.BytesUp, c.BytesDown = g.total.of(Up).done, g.total.of(Down).done
	c.Faults = maps.Clone(c.Faults)
	return c
}

// Events returns what happened, oldest first: the last 1000 events.
func (g *Group) Events() []Event {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.events)
}

// Conns returns the connections that are not over, in the order of their numbers.
func (g *Group) Conns() []ConnInfo {
	g.mu.Lock()
	defer g.mu.Unlock()
	var infos []ConnInfo
	for _, l := range g.linksLocked() {
		infos = append(infos, ConnInfo{
			ID: l.id, From: l.from,
			Up: l.bytes.of(Up).done, Down: l.bytes.of(Down).done,
		})
	}
	return infos
}

// noteLocked counts a fault and records it.
func (g *Group) noteLocked(k Kind, text string, l *link) {
	g.counters.Faults[k]++
	g.eventSeq++
	e := Event{Seq: g.eventSeq, At: time.Since(g.start), Rule: text}
	of := &g.total
	if l != nil {
		e.Conn, of = l.id, &l.bytes
	}
	e.Up, e.Down = of.of(Up).done, of.of(Down).done
	if len(g.events) == maxEvents {
		g.events = slices.Delete(g.events, 0, 1)
	}
	g.events = append(g.events, e)
}
