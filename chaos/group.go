package chaos

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Config says what goes wrong. Its zero value forwards faithfully. It is read when it is passed and not kept.
type Config struct {
	// Rules are the faults; nil = none. Their order is part of what the seed decides.
	Rules []Rule
	// Seed decides every random offset, time, bit and jitter. Zero is a seed like any other.
	Seed uint64
	// Settle is how long a reset at an exact offset waits for a slow receiver. Default 1 s; negative = it does
	// not wait. A receiver that reads makes it wait a few milliseconds at most.
	Settle time.Duration
	// AllowRemote lets a Proxy listen on, and dial, addresses that are not of this
	// machine's loopback. Default false.
	AllowRemote bool
	// DialTimeout is how long a Proxy waits for its target. Default 5 s; negative = no limit of its own.
	DialTimeout time.Duration
}

const (
	defaultSettle = time.Second
	defaultDial   = 5 * time.Second
	// finGrace is how long an end may go on sending into nothing after it got a FIN. Then its socket is closed
	// and it gets RST, as from a host whose process is gone.
	finGrace = time.Second
	// maxEvents is how many events are kept, the latest ones.
	maxEvents = 1000
)

// A Group is a set of connections that share rules, a seed and counters. They are those of one Proxy, or those
// wrapped by Wrap. All methods may be called from any goroutine.
type Group struct {
	rules       []Rule
	seed        uint64
	settle      time.Duration
	dialTimeout time.Duration
	start       time.Time
	closing     chan struct{} // closed by Close
	onDown      func()        // closes the listener; called with mu held, does not block

	// wg counts the goroutines of connections and the timers.
	wg sync.WaitGroup

	// mu guards everything below, and everything in links, lanes, arms and effects except what belongs to a
	// goroutine. It is never held across I/O. Setting a deadline, which does not block, is not I/O.
	mu       sync.Mutex
	ups      sync.Cond // downs became 0, or closed became true
	closed   bool
	asked    bool // Close was called; the group of a single Conn also closes by itself
	links    map[int]*link
	lastID   int
	total    meters
	effects  []*effect
	downs    int // effects that keep the listener closed
	timers   timerSet
	counters Counters
	events   []Event
	eventSeq int64
	injected int
}

// NewGroup returns a group without connections; its time starts now. It fails
// with a *RuleError. Close it.
func NewGroup(cfg *Config) (*Group, error) {
	g, err := newGroup(cfg)
	if err != nil {
		return nil, err
	}
	g.begin()
	return g, nil
}

func newGroup(cfg *Config) (*Group, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	for _, r := range cfg.Rules {
		if err := r.Validate(); err != nil {
			return nil, err
		}
	}
	g := &Group{
		rules:       slices.Clone(cfg.Rules),
		seed:        cfg.Seed,
		settle:      cmp.Or(cfg.Settle, defaultSettle),
		dialTimeout: cmp.Or(cfg.DialTimeout, defaultDial),
		closing:     make(chan struct{}),
		links:       map[int]*link{},
	}
	g.ups.L = &g.mu
	g.counters.Faults = map[Kind]int64{}
	return g, nil
}

// begin starts the group's time.
func (g *Group) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.start = time.Now()
	g.armGroupLocked()
}

// Close closes every connection and waits until the goroutines of the group are gone. The second Close returns
// net.ErrClosed.
func (g *Group) Close() error {
	g.mu.Lock()
	err := g.askedLocked()
	g.closeLocked()
	g.mu.Unlock()
	g.wg.Wait()
	return err
}

// askedLocked is what this call of Close returns.
func (g *Group) askedLocked() error {
	if g.asked {
		return errClosed
	}
	g.asked = true
	return nil
}

var errClosed = fmt.Errorf("gantline: chaos: %w", net.ErrClosed)

func (g *Group) closeLocked() {
	if g.closed {
		return
	}
	g.closed = true
	close(g.closing)
	g.stopTimersLocked(&g.timers)
	for _, l := range g.links {
		l.endLocked(endClose, false)
	}
	g.ups.Broadcast()
}

// linksLocked returns the live connections in the order of their numbers.
func (g *Group) linksLocked() []*link {
	all := make([]*link, 0, len(g.links))
	for _, l := range g.links {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *link) int { return a.id - b.id })
	return all
}

// wakeAllLocked makes all waiting lanes look again.
func (g *Group) wakeAllLocked() {
	for _, l := range g.links {
		l.wakeLocked()
	}
}

// timerSet holds timers that are stopped together.
type timerSet map[*time.Timer]struct{}

// afterLocked calls f with mu held after d, unless the group is closed or the set stopped before.
func (g *Group) afterLocked(set *timerSet, d time.Duration, f func()) {
	if g.closed {
		return
	}
	if *set == nil {
		*set = timerSet{}
	}
	g.wg.Add(1)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		defer g.wg.Done()
		g.mu.Lock()
		defer g.mu.Unlock()
		if _, ok := (*set)[t]; ok {
			delete(*set, t)
			f()
		}
	})
	(*set)[t] = struct{}{}
}

// stopTimersLocked stops all timers of set. A timer that fires at that moment does nothing.
func (g *Group) stopTimersLocked(set *timerSet) {
	for t := range *set {
		if t.Stop() {
			g.wg.Done()
		}
	}
	clear(*set)
}
