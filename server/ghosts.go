package server

import (
	"context"
	"maps"
	"slices"

	"github.com/gantline-project/gantline"
)

// ghosts are the Ends of clients that never sent anything, by id. Guarded by peers.mu.
type ghosts map[string]map[*gantline.End]struct{}

func (g ghosts) add(e *gantline.End) {
	id := e.PeerID()
	if g[id] == nil {
		g[id] = make(map[*gantline.End]struct{})
	}
	g[id][e] = struct{}{}
}

// remove reports whether e was one.
func (g ghosts) remove(e *gantline.End) bool {
	id := e.PeerID()
	_, was := g[id][e]
	if delete(g[id], e); len(g[id]) == 0 {
		delete(g, id)
	}
	return was
}

func (g ghosts) all() (list []*gantline.End) {
	for _, of := range g {
		list = slices.AppendSeq(list, maps.Keys(of))
	}
	return list
}

// whileHere returns a context that ends with ctx, and when e is suspended.
func (p *peers) whileHere(ctx context.Context, e *gantline.End) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaited[e] = cancel
	if e.State() == gantline.StateBroken { // before it was awaited
		cancel()
	}
	return ctx, func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.awaited, e)
	}
}
