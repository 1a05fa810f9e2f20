package sessions

import (
	"container/heap"
	"net/netip"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/source"
)

// maxGraves bounds the tombstones of one Graves: about 4 MiB.
const maxGraves = 4096

// Graves are the tombstones of sessions that have ended. Whoever has them guards them by a lock. Old ones are cleared
// away when another one comes. If there are too many, the source with most of them loses its oldest, so a flood
// from one address pushes out only its own. The zero value is ready.
type Graves struct {
	byID  map[[16]byte]*grave
	plots map[netip.Addr]*plot
	most  plots // all of plots, the one with most graves first
	first *grave
	last  *grave
}

// A grave stands in two lists: of all graves, and of those of its source. Both have the oldest first.
type grave struct {
	id         [16]byte
	stone      *conn.Link
	until      time.Time
	plot       *plot
	prev, next *grave // of all
	after      *grave // of its source
}

// A plot is the graves of one source. What is no source, as loopback, has one together.
type plot struct {
	src         netip.Addr
	n           int
	first, last *grave
	at          int // index in Graves.most
}

// Bury keeps the tombstone of l, which has ended, for its expiry time.
func (g *Graves) Bury(l *conn.Link) {
	p := l.Peer()
	if p.Expiry <= 0 {
		return // nobody could come back for it
	}
	g.bury(&grave{id: p.Session, stone: l.Tombstone(), until: time.Now().Add(p.Expiry)}, source.Of(l.RemoteAddr()))
}

func (g *Graves) bury(x *grave, src netip.Addr) {
	for now := time.Now(); g.first != nil && g.first.until.Before(now); {
		g.clear(g.first)
	}
	if g.byID == nil {
		g.byID, g.plots = make(map[[16]byte]*grave), make(map[netip.Addr]*plot)
	}
	if len(g.byID) >= maxGraves {
		g.clear(g.most[0].first)
	}
	p := g.plots[src]
	if p == nil {
		p = &plot{src: src}
		g.plots[src] = p
		heap.Push(&g.most, p)
	}
	g.byID[x.id], x.plot = x, p
	if x.prev = g.last; x.prev != nil {
		x.prev.next = x
	} else {
		g.first = x
	}
	g.last = x
	if p.last != nil {
		p.last.after = x
	} else {
		p.first = x
	}
	p.last = x
	p.n++
	heap.Fix(&g.most, p.at)
}

// clear takes x away, which is the oldest of its source.
func (g *Graves) clear(x *grave) {
	delete(g.byID, x.id)
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		g.first = x.next
	}
	if x.next != nil {
		x.next.prev = x.prev
	} else {
		g.last = x.prev
	}
	p := x.plot
	if p.first = x.after; p.first == nil {
		p.last = nil
	}
	if p.n--; p.n == 0 {
		heap.Remove(&g.most, p.at)
		delete(g.plots, p.src)
		return
	}
	heap.Fix(&g.most, p.at)
}

// Find returns the tombstone of a session, nil for none.
func (g *Graves) Find(session [16]byte) *conn.Link {
	if x := g.byID[session]; x != nil {
		return x.stone
	}
	return nil
}

// plots is a heap.Interface.
type plots []*plot

func (p plots) Len() int           { return len(p) }
func (p plots) Less(i, j int) bool { return p[i].n > p[j].n }
func (p plots) Swap(i, j int) {
	p[i], p[j] = p[j], p[i]
	p[i].at, p[j].at = i, j
}
func (p *plots) Push(x any) {
	x.(*plot).at = len(*p)
	*p = append(*p, x.(*plot))
}
func (p *plots) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	(*p)[last] = nil
	*p = (*p)[:last]
	return x
}
