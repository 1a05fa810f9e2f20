package gantline

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/internal/serial"
	"github.com/gantline-project/gantline/mux"
)

// A side with OnPeerMethod asks for the peer's methods once in a session, with frame.NameWatch. The other then sends
// frame.NameMethods, first with all its methods, then with every change.
const (
	announcePart = 3 << 10  // bytes of one announcement: within the smallest frame, so that it comes whole
	maxMirrored  = 16 << 10 // names remembered of a peer
)

// endCalls is what rpc keeps of an End.
type endCalls struct {
	e     *End
	watch flight.Watch // gives up what Go has begun
	out   announcer
	known map[string]struct{} // the peer's methods; owned by the hooks' goroutine
}

var _ room = (*endCalls)(nil)

func newEndCalls(e *End) *endCalls {
	c := &endCalls{e: e}
	c.out.e, c.out.worker = e, serial.NewWorker(e.ctx, c.out.look)
	return c
}

// rpc returns what rpc keeps of e.
func (e *End) rpc() *endCalls { return e.calls.(*endCalls) }

// attach implements room.
func (c *endCalls) attach(*session) {}

// begin implements room: it asks the peer for its methods.
func (c *endCalls) begin(s *session) {
	if c.e.cfg.OnPeerMethod != nil {
		_ = c.e.startNotify(s.Ctx, s, &mux.Open{Kind: frame.KindNotify, Name: frame.NameWatch}, nil, nil)
	}
}

// lost implements room.
func (c *endCalls) lost() {
	c.out.watch(false)
	c.forgetMethods()
}

// over implements room.
func (c *endCalls) over() {
	c.out.watch(false)
	c.watch.Close()
}

// wait implements room.
func (c *endCalls) wait() { c.out.worker.Wait() }

// announcer tells the peer which methods this side handles. It compares what there is with what it announced, so
// that any number of changes between two looks costs one announcement.
type announcer struct {
	e      *End
	worker *serial.Worker          // looks whenever a name has come or gone
	to     atomic.Pointer[session] // that has asked last

	announced   map[string]struct{} // owned by the worker, as is announcedTo
	announcedTo *session
}

// watch has the worker kicked, or not, when a name comes or goes.
func (a *announcer) watch(on bool) {
	a.e.callScope().table.watch(a.worker, on)
	if r := a.e.cfg.Router; r != nil {
		r.handlers().watch(a.worker, on)
	}
}

// askedBy makes the announcer tell s all there is, and what changes.
func (a *announcer) askedBy(s *session) {
	a.to.Store(s)
	a.watch(true)
	a.worker.Kick()
}

// look announces what is new and what is gone. It is the worker's.
func (a *announcer) look() {
	to := a.to.Load()
	if to != a.announcedTo { // it knows nothing yet
		a.announced, a.announcedTo = nil, to
	}
	names := make(map[string]struct{})
	for name := range a.e.callScope().table.view().byName {
		names[name] = struct{}{}
	}
	if r := a.e.cfg.Router; r != nil {
		for name := range r.handlers().view().byName {
			names[name] = struct{}{}
		}
	}
	n := announcement{a.e, to, make([]byte, 0, announcePart)}
	n.add(true, missing(names, a.announced))
	n.add(false, missing(a.announced, names))
	n.send()
	a.announced = names
}

// missing returns the names of a that are not in b, in order.
func missing(a, b map[string]struct{}) (names []string) {
	for name := range a {
		if _, ok := b[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// announcement sends names to a session, in as many notifies as they need.
type announcement struct {
	e    *End
	to   *session
	body []byte
}

func (n *announcement) add(added bool, names []string) {
	for _, name := range names {
		if len(n.body)+frame.MethodLen(name) > announcePart {
			n.send()
		}
		n.body = frame.AppendMethods(n.body, added, name)
	}
}

func (n *announcement) send() {
	if len(n.body) > 0 {
		_ = n.e.startNotify(n.to.Ctx, n.to, &mux.Open{Kind: frame.KindNotify, Name: frame.NameMethods}, n.body, nil)
		n.body = n.body[:0]
	}
}

// acceptInternal takes a notify of the protocol's own. Reader goroutine.
func (e *End) acceptInternal(s *session, x *mux.Incoming) {
	known := x.Kind == frame.KindNotify && x.Parent == 0 && x.Complete()
	switch name := string(x.Name); {
	case known && name == frame.NameWatch:
		e.refuse(x, OK, "")
		e.rpc().out.askedBy(s)
	case known && name == frame.NameMethods && e.cfg.OnPeerMethod != nil:
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
	for name, added := range frame.ParseMethods(body) {
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

// forgetMethods tells the hook that the peer's methods are out of reach. The session is lost, and the next one announces
// what there is then.
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
