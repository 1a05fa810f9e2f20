package sessions

import (
	"time"

	"github.com/gantline-project/gantline/conn"
)

// maxGraves bounds the tombstones of one Graves: about 4 MiB.
const maxGraves = 4096

// Graves are the tombstones of sessions that have ended, in the order of their ends. Whoever has them guards them by a
// lock. Old ones are cleared away when another one comes. The zero value is ready.
type Graves struct {
	byID  map[[16]byte]*conn.Link
	order []grave
}

type grave struct {
	id    [16]byte
	until time.Time
}

// Bury keeps the tombstone of l, which has ended, for its expiry time.
func (g *Graves) Bury(l *conn.Link) {
	p := l.Peer()
	if p.Expiry <= 0 {
		return // nobody could come back for it
	}
	now := time.Now()
	for len(g.order) > 0 && (len(g.order) >= maxGraves || g.order[0].until.Before(now)) {
		delete(g.byID, g.order[0].id)
		g.order[0] = grave{}
		g.order = g.order[1:]
	}
	if g.byID == nil {
		g.byID = make(map[[16]byte]*conn.Link)
	}
	g.byID[p.Session] = l.Tombstone()
	g.order = append(g.order, grave{p.Session, now.Add(p.Expiry)})
}

// Find returns the tombstone of a session, nil for none.
func (g *Graves) Find(session [16]byte) *conn.Link { return g.byID[session] }
