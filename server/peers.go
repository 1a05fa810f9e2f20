package server

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/source"
)

// peers is the list of the Ends that live, by the id of the peer. All listeners of a Server share one, so an id
// is in use once.
type peers struct {
	sessions gantline.Sessions // where broken Ends wait

	mu      sync.Mutex // guards what follows
	byID    map[string]*peer
	census  census
	leaves  map[*gantline.End]struct{} // Ends that finish their work while their client has a new one
	ghosts  ghosts                     // Ends of clients that never sent anything: not on the list
	awaited map[*gantline.End]func()   // is called when the End is suspended
	closed  bool                       // no more clients are accepted
}

// A peer is an id that is taken.
type peer struct {
	end   *gantline.End
	src   netip.Addr // it was made from there
	shown bool       // past Setup; before, the id is only reserved. Guarded by peers.mu
	away  bool       // it is suspended. Guarded by peers.mu
}

// alive reports whether the End still represents its id. It may be over before remove was called, and before
// its context is, when it was closed during the end of its handshake.
func (p *peer) alive() bool {
	return p.end.Context().Err() == nil && p.end.State() != gantline.StateClosed
}

// leaves reports whether the End was asked to end, so that its client may have another one.
func (p *peer) leaves() bool { return p.shown && p.end.Draining() }

func newPeers(l Limits) *peers {
	p := &peers{byID: make(map[string]*peer), leaves: make(map[*gantline.End]struct{}), ghosts: make(ghosts), awaited: make(map[*gantline.End]func())}
	p.census.limit, p.census.perSource = l.Peers, l.PeersPerSource
	p.sessions.Limits, p.sessions.OnSuspend = l.Suspended, p.changed
	return p
}

// errSuperseded ends the suspended End of a client that returns with a new session.
var errSuperseded = refusal(gantline.AlreadyExists, "superseded by a new session of the same peer id")

// errClosing is what a client gets that arrives while the listener closes.
var errClosing = refusal(gantline.Unavailable, "the server is closing")

// claim takes the id of e's peer, or says why not. Ends that make way are dropped without the lock: code that waits
// for their answers (the application's OnDone, for instance) runs then and may ask for the list.
func (p *peers) claim(e *gantline.End) error {
	var dropped *gantline.End
	for {
		old, ghosts, err := p.tryClaim(e, dropped)
		for _, g := range ghosts {
			p.sessions.Drop(g, errSuperseded)
		}
		if old == nil || err != nil {
			return err
		}
		p.sessions.Drop(old, errSuperseded)
		if old.Context().Err() == nil && old.State() != gantline.StateBroken && old.State() != gantline.StateClosed {
			return refusal(gantline.AlreadyExists, "the id %q is in use by another connection: close that one first, or use another Config.ID", e.PeerID())
		}
		dropped = old
	}
}

// tryClaim takes the id for e, unless old lives and has it and was not dropped before. The caller has to drop the
// ghosts of the id.
func (p *peers) tryClaim(e, dropped *gantline.End) (old *gantline.End, ghosts []*gantline.End, err error) {
	id := e.PeerID()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, errClosing
	}
	x := p.byID[id]
	if x != nil && x.end != dropped && x.alive() {
		if !x.leaves() {
			return x.end, nil, nil
		}
		p.leaves[x.end] = struct{}{} // until remove
	}
	src := source.Of(e.RemoteAddr())
	if err := p.census.refuse(src, x); err != nil {
		return nil, nil, err
	}
	p.forgetLocked(id)
	p.byID[id] = &peer{end: e, src: src}
	p.census.add(p.byID[id], 1)
	return nil, slices.Collect(maps.Keys(p.ghosts[id])), nil
}

// forsake makes e, which is not on the list, a ghost. It stays one until its client returns or its time is
// over.
func (p *peers) forsake(e *gantline.End) {
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.ghosts.add(e)
		context.AfterFunc(e.Context(), func() { p.returned(e) })
	}
	p.mu.Unlock()
	if closed {
		_ = e.Close()
	}
}

// returned reports whether e was a ghost, and ends that.
func (p *peers) returned(e *gantline.End) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ghosts.remove(e)
}

// show puts e, which has claimed its id, on the list for as long as it lives.
func (p *peers) show(e *gantline.End) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosing
	}
	if x := p.byID[e.PeerID()]; x != nil && x.end == e {
		x.shown = true
		context.AfterFunc(e.Context(), func() { p.remove(e) })
	}
	return nil
}

// remove gives the id of e free, if e has it.
func (p *peers) remove(e *gantline.End) {
	id := e.PeerID()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.leaves, e)
	if x := p.byID[id]; x != nil && x.end == e {
		p.forgetLocked(id)
	}
}

// forgetLocked makes the id free, if somebody has it.
func (p *peers) forgetLocked(id string) {
	if x := p.byID[id]; x != nil && !x.away {
		p.census.add(x, -1)
	}
	delete(p.byID, id)
}

// end returns the End with the id, nil if there is none.
func (p *peers) end(id string) *gantline.End {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := p.byID[id]; x != nil && x.shown && x.alive() {
		return x.end
	}
	return nil
}

// all returns the Ends that live now.
func (p *peers) all() []*gantline.End {
	p.mu.Lock()
	defer p.mu.Unlock()
	ends := make([]*gantline.End, 0, len(p.byID))
	for _, x := range p.byID {
		if x.shown && x.alive() {
			ends = append(ends, x.end)
		}
	}
	return ends
}

// count returns how many ids are taken.
func (p *peers) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byID)
}

// shut refuses all further clients, ends the ghosts, and returns the Ends there are, with ghosts that are coming back.
func (p *peers) shut() []*gantline.End {
	p.mu.Lock()
	p.closed = true
	ghosts := p.ghosts.all()
	p.mu.Unlock()
	ghosts = slices.DeleteFunc(ghosts, func(g *gantline.End) bool { return p.sessions.Drop(g, errClosing) })
	p.mu.Lock()
	leaving := slices.Collect(maps.Keys(p.leaves))
	p.mu.Unlock()
	return slices.Concat(ghosts, leaving, p.all())
}

// closeAll closes the Ends, all at the same time: each may take 5 s.
func (p *peers) closeAll(ends []*gantline.End) {
	var wg sync.WaitGroup
	for _, e := range ends {
		if p.sessions.Drop(e, errClosing) {
			continue // nobody comes back for it
		}
		wg.Go(func() { _ = e.CloseWith(errClosing) }) // what the peer has not confirmed is its handler's business
	}
	wg.Wait()
}

// drainAll shuts the Ends down, all at the same time.
func drainAll(ctx context.Context, ends []*gantline.End, reason error) error {
	errs := make([]error, len(ends))
	var wg sync.WaitGroup
	for i, e := range ends {
		wg.Go(func() { errs[i] = e.ShutdownWith(ctx, reason) })
	}
	wg.Wait()
	failed := 0
	var first error
	for _, err := range errs {
		if err != nil {
			failed++
			if first == nil {
				first = err
			}
		}
	}
	if first == nil {
		return nil
	}
	return errorf("%d of %d Ends were not drained: %w", failed, len(ends), bare{first})
}
