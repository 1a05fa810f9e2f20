package gantline

import (
	"maps"
	"slices"
	"sync"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// The names of methods travel in notifies with names of the protocol's own: a side with OnPeerMethod asks once
// with watchName; the other then sends methodsName, first with all its methods, then with every change. The
// body is a sequence of '+' or '-', one byte of length, and a name.
const (
	watchName   = ":watch"
	methodsName = ":methods"

	announcePart = 3 << 10  // bytes of one announcement: within the smallest frame, so that it comes whole
	maxMirrored  = 16 << 10 // names remembered of a peer
)

// endCalls is what rpc keeps of an End.
type endCalls struct {
	e       *End
	calls   freeList[call]
	notices freeList[notice]
	out     announcer
	known   map[string]struct{} // the peer's methods; owned by the hooks' goroutine
}

var _ room = (*endCalls)(nil)

func newEndCalls(e *End) *endCalls {
	c := &endCalls{e: e}
	c.out.e = e
	return c
}

// rpc returns what rpc keeps of e.
func (e *End) rpc() *endCalls { return e.calls.(*endCalls) }

// attach implements room.
func (c *endCalls) attach(*session) {}

// begin implements room: it asks the peer for its methods.
func (c *endCalls) begin(s *session) {
	if c.e.cfg.OnPeerMethod != nil {
		_ = c.e.startNotify(s.Ctx, s, &mux.Open{Kind: frame.KindNotify, Name: watchName}, nil, nil)
	}
}

// lost implements room.
func (c *endCalls) lost() {
	c.out.watch(false)
	c.forgetMethods()
}

// over implements room.
func (c *endCalls) over() { c.out.watch(false) }

// wait implements room.
func (c *endCalls) wait() { c.out.wait() }

// announcer tells the peer which methods this side handles. It compares what there is with what was told, so
// that any number of changes between two looks costs one announcement.
type announcer struct {
	e *End

	mu      sync.Mutex
	dirty   bool           // something changed; guarded by mu
	running bool           // guarded by mu
	to      *session       // that has asked last; guarded by mu
	done    sync.WaitGroup // of the goroutine

	told   map[string]struct{} // owned by the goroutine, as is toldTo
	toldTo *session
}

func (a *announcer) watch(on bool) {
	a.e.callScope().table.watch(a, on)
	if r := a.e.cfg.Router; r != nil {
		r.handlers().watch(a, on)
	}
}

// askedBy makes the announcer tell s all there is, and what changes.
func (a *announcer) askedBy(s *session) {
	a.mu.Lock()
	a.to = s
	a.mu.Unlock()
	a.watch(true)
	a.kick()
}

// kick makes the announcer look. It does not block.
func (a *announcer) kick() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dirty = true
	if a.running || a.e.ctx.Err() != nil {
		return
	}
	a.running = true
	a.done.Add(1)
	go a.run() // ends when nothing is new, or with the End; Close waits for it
}

// wait waits for the goroutine. The End is over.
func (a *announcer) wait() {
	a.mu.Lock()
	over := a.e.ctx.Err() != nil // behind this none is started
	a.mu.Unlock()
	if over {
		a.done.Wait()
	}
}

func (a *announcer) run() {
	defer a.done.Done()
	for {
		a.mu.Lock()
		if !a.dirty || a.e.ctx.Err() != nil {
			a.running = false
			a.mu.Unlock()
			return
		}
		a.dirty = false
		to := a.to
		a.mu.Unlock()
		if to != a.toldTo { // it knows nothing yet
			a.told, a.toldTo = nil, to
		}
		a.announce(to)
	}
}

// announce sends what is new and what is gone.
func (a *announcer) announce(to *session) {
	now := make(map[string]struct{})
	for name := range a.e.callScope().table.view().byName {
		now[name] = struct{}{}
	}
	if r := a.e.cfg.Router; r != nil {
		for name := range r.handlers().view().byName {
			now[name] = struct{}{}
		}
	}
	body := make([]byte, 0, announcePart)
	send := func() {
		if len(body) > 0 {
			_ = a.e.startNotify(to.Ctx, to, &mux.Open{Kind: frame.KindNotify, Name: methodsName}, body, nil)
			body = body[:0]
		}
	}
	tell := func(op byte, from, but map[string]struct{}) {
		var names []string
		for name := range from {
			if _, ok := but[name]; !ok {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if len(body)+2+len(name) > announcePart {
				send()
			}
			body = append(append(body, op, byte(len(name))), name...)
		}
	}
	tell('+', now, a.told)
	tell('-', a.told, now)
	send()
	a.told = now
}

// acceptInternal takes a notify of the protocol's own. Reader goroutine.
func (e *End) acceptInternal(s *session, x *mux.Incoming) {
	known := x.Kind == frame.KindNotify && x.Parent == 0 && x.Complete()
	switch name := string(x.Name); {
	case known && name == watchName:
		e.refuse(x, OK, "")
		e.rpc().out.askedBy(s)
	case known && name == methodsName && e.cfg.OnPeerMethod != nil:
		x.Value = uncancelled{}
		// The notify keeps its slot until the hook has run, so that a peer cannot fill the queue of hooks.
		e.hook("OnPeerMethod", func() {
			defer e.refuse(x, OK, "")
			e.rpc().mirrorMethods(x.Body)
		})
	default:
		e.refuse(x, Unimplemented, "no such method of the protocol")
	}
}

// uncancelled is an exchange that is answered whatever happens.
type uncancelled struct{}

func (uncancelled) ready(*mux.Incoming)         {}
func (uncancelled) cancel(*mux.Incoming, error) {}

// mirrorMethods tells the hook what an announcement says. Hooks' goroutine.
func (p *endCalls) mirrorMethods(body []byte) {
	e := p.e
	for len(body) >= 2 && len(body) >= 2+int(body[1]) {
		added, name := body[0] == '+', string(body[2:2+int(body[1])])
		body = body[2+len(name):]
		_, had := p.known[name]
		switch {
		case added == had:
			continue
		case !added:
			delete(p.known, name)
		case len(p.known) >= maxMirrored:
			e.logger().Warn("gantline: the peer has too many methods to mirror", "peer", e.PeerID(), "limit", maxMirrored)
			return
		default:
			if p.known == nil {
				p.known = make(map[string]struct{})
			}
			p.known[name] = struct{}{}
		}
		e.cfg.OnPeerMethod(e, name, added)
	}
}

// forgetMethods tells the hook that the peer's methods are out of reach: the session is lost, and the next one
// announces what there is then.
func (p *endCalls) forgetMethods() {
	e := p.e
	f := e.cfg.OnPeerMethod
	if f == nil {
		return
	}
	e.hook("OnPeerMethod", func() {
		known := slices.Sorted(maps.Keys(p.known))
		p.known = nil
		for _, name := range known {
			f(e, name, false)
		}
	})
}
