package gantline

import (
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/internal/methods"
	"github.com/gantline-project/gantline/internal/throttle"
	"github.com/gantline-project/gantline/internal/work"
	"github.com/gantline-project/gantline/mux"
)

// endCalls is what rpc keeps of an End. A side with OnPeerMethod asks for the peer's methods once in a session, with
// frame.NameWatch. The other then sends frame.NameMethods, first with all its methods, then with every change.
type endCalls struct {
	e       *End
	running *work.Gate                 // limits how many handlers run at a time
	watch   flight.Watch               // gives up what Go has begun
	ours    methods.Announcer[session] // tells the peer our methods
	peers   methods.Mirror             // the peer's methods; owned by the hooks' goroutine
}

var _ room = (*endCalls)(nil)

func newEndCalls(e *End) *endCalls {
	c := &endCalls{e: e, running: work.NewDeepGate(e.cfg.Limits.Running)}
	c.ours.Init(e.ctx, c)
	return c
}

// rpc returns what rpc keeps of e.
func (e *End) rpc() *endCalls { return e.calls.(*endCalls) }

// attach implements room.
func (c *endCalls) attach(*session) {}

// begin implements room: it asks the peer for its methods.
func (c *endCalls) begin(s *session) {
	if c.e.cfg.OnPeerMethod != nil {
		c.send(s, frame.NameWatch, nil)
	}
}

// lost implements room.
func (c *endCalls) lost() {
	c.ours.Stop()
	c.forgetMethods()
}

// over implements room.
func (c *endCalls) over() {
	c.ours.Stop()
	c.watch.Close()
}

// wait implements room.
func (c *endCalls) wait() { c.ours.Wait() }

// Tables implements methods.Side.
func (c *endCalls) Tables(yield func(methods.Table) bool) {
	if r := c.e.cfg.Router; yield(&c.e.callScope().table) && r != nil {
		yield(r.handlers())
	}
}

// Send implements methods.Side.
func (c *endCalls) Send(to *session, body []byte) { c.send(to, frame.NameMethods, body) }

// send sends a notify of the protocol's own.
func (c *endCalls) send(to *session, name string, body []byte) {
	_ = c.e.startNotify(to.Ctx, to, &mux.Open{Kind: frame.KindNotify, Name: name}, body, nil)
}

// acceptInternal takes a notify of the protocol's own. Reader goroutine.
func (e *End) acceptInternal(s *session, x *mux.Incoming) {
	known := x.Kind == frame.KindNotify && x.Parent == 0 && x.Complete()
	switch name := string(x.Name); {
	case known && name == frame.NameWatch:
		e.refuse(x, OK, "")
		if s == e.session() {
			e.rpc().ours.Announce(s)
		}
	case known && name == frame.NameMethods && e.cfg.OnPeerMethod != nil:
		x.Value = uncancelled{}
		// The notify keeps its slot until the hook has run, so that a peer cannot fill the queue of hooks.
		e.hook("OnPeerMethod", func() {
			defer e.refuse(x, OK, "")
			if s == e.session() { // else it has retired
				e.rpc().mirrorMethods(x.Body)
			}
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
func (c *endCalls) mirrorMethods(body []byte) {
	if !c.peers.Update(body, c.hookMethod) {
		c.e.log.Say(throttle.TooManyMethods, "peer", c.e.PeerID(), "limit", methods.MaxMirrored)
	}
}

// forgetMethods tells the hook that the peer's methods are out of reach. The session is lost, and the next one announces
// what there is then.
func (c *endCalls) forgetMethods() {
	if c.e.cfg.OnPeerMethod != nil {
		c.e.hook("OnPeerMethod", func() { c.peers.Clear(c.hookMethod) })
	}
}

func (c *endCalls) hookMethod(name string, added bool) { c.e.cfg.OnPeerMethod(c.e, name, added) }
