package sessions

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/routes"
)

// The times of a race. Decision 0009 has the reasons.
const (
	// raceAfter is how long an address may be silent before the next one is tried beside it.
	raceAfter = 2 * time.Second
	// raceSway is the most that is added to raceAfter in a redial. The clients of one server must not come to the next
	// one all at once.
	raceSway = time.Second
	// homePatience is how long a session waits for its own server when another one does not know it.
	homePatience = 5 * time.Second
)

// First makes a client's first link over nc, as conn.Client does. If nc is a *routes.Set, that is done over the first
// route that leads to a server.
func First(ctx context.Context, nc net.Conn, cfg *conn.Config) (*conn.Link, error) {
	set, ok := nc.(*routes.Set)
	if !ok {
		return conn.Client(ctx, nc, cfg)
	}
	x := newLinks(func() *conn.Config { c := *cfg; return &c })
	redirects := 0
	x.race.After = func() time.Duration { return raceAfter }
	x.race.Outlive = true
	x.race.Judge = func(_ bool, err error) routes.Verdict {
		v, _ := redirect(err, set, &redirects)
		return v
	}
	return x.shake(ctx, set)
}

// links makes links of new sessions, of which one is taken.
type links struct{ race routes.Race[made] }

// made is a link that may be taken. Until then its states are held back.
type made struct {
	l *conn.Link
	g *gate
}

// newLinks returns one whose links are made with what config returns for each.
func newLinks(config func() *conn.Config) *links {
	x := new(links)
	x.race.Shake = func(ctx context.Context, nc net.Conn) (m made, err error) {
		c := config()
		m.g = &gate{f: c.OnState}
		if c.OnState != nil {
			c.OnState = m.g.state
		}
		m.l, err = conn.Client(ctx, nc, c)
		return m, err
	}
	x.race.Discard = func(m made) {
		_ = m.l.Close(context.Background(), frame.OK, "another connection was quicker") // it takes a second at most
	}
	return x
}

// shake returns the link that was quickest. The others say nothing of their state, and goodbye to their servers.
func (x *links) shake(ctx context.Context, set *routes.Set) (*conn.Link, error) {
	m, err := x.race.Go(ctx, set)
	if err == nil {
		m.g.open()
	}
	return m.l, err
}

// gate holds back the states of a link until that is taken.
type gate struct {
	f func(conn.State)

	mu    sync.Mutex // guards what follows, and the order of the calls of f, which must not block
	taken bool
	held  []conn.State
}

func (g *gate) state(s conn.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.taken {
		g.held = append(g.held, s)
		return
	}
	g.f(s)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken = true
	for _, s := range g.held {
		g.f(s)
	}
	g.held = nil
}

// redirect follows a server that sends its client to another address at once, up to a limit. refused is its answer, nil
// for any other failure.
func redirect(err error, set *routes.Set, redirects *int) (v routes.Verdict, refused *conn.RefusedError) {
	if !errors.As(err, &refused) {
		return v, nil
	}
	if refused.Addr != "" && !refused.Closed && refused.RetryAfter <= 0 && set.Named != nil && *redirects < maxRedirects {
		*redirects++
		return routes.Verdict{Then: routes.Again, Addr: refused.Addr}, refused
	}
	return v, refused
}

// race is an attempt over the routes of set. It resumes s or, if fresh, begins a new session after it.
func (r *redialler) race(x *search, s *Session, fresh bool, set *routes.Set) (dialled bool, err error) {
	ln := r.ln
	after := func() time.Duration { return raceAfter + rand.N(raceSway) }
	if fresh {
		links := newLinks(func() *conn.Config {
			lc := ln.host.LinkConfig()
			lc.ID = s.Native.LocalID()
			return lc
		})
		links.race.After, links.race.Run, links.race.Rest = after, ln.Users.Run, &r.rest
		links.race.Judge = func(_ bool, err error) routes.Verdict { return r.judgeFresh(x, set, err) }
		var l *conn.Link
		if l, err = links.shake(ln.life.ctx, set); err == nil && !ln.renew(s, l) {
			err = ln.cfg.Closed
		}
		return dialledBy(err), err
	}
	if x.unknown != nil { // the others have said so
		set.Routes = slices.DeleteFunc(set.Routes, func(r routes.Route) bool { return !r.Home() })
	}
	race := routes.Race[struct{}]{
		After: after, Held: x.unknown, Until: func() time.Time { return x.until }, Run: ln.Users.Run, Rest: &r.rest,
		Shake: func(ctx context.Context, nc net.Conn) (struct{}, error) { return struct{}{}, s.Native.Resume(ctx, nc) },
		Judge: func(home bool, err error) routes.Verdict { return r.judgeResume(x, s, set, home, err) },
	}
	_, err = race.Go(ln.life.ctx, set)
	return dialledBy(err), err
}

// dialledBy reports whether a race that ended with err had a carrier.
func dialledBy(err error) bool {
	var all *routes.Failed
	return !errors.As(err, &all) || all.Dialled
}

// judgeFresh says what follows after an attempt at a new session that failed with err.
func (r *redialler) judgeFresh(x *search, set *routes.Set, err error) routes.Verdict {
	v, no := redirect(err, set, &x.redirects)
	final := no != nil && (set.Named == nil || no.RetryAfter <= 0 && unwanted(no.Code))
	if v.Then == routes.Next && (r.ln.Closing() || final) {
		v.Then = routes.Stop
	}
	return v
}

// judgeResume says what follows after an attempt to resume s that failed with err. home: it was at the server that has
// the session, which alone can say what becomes of that.
func (r *redialler) judgeResume(x *search, s *Session, set *routes.Set, home bool, err error) routes.Verdict {
	v, no := redirect(err, set, &x.redirects)
	switch {
	case v.Then == routes.Again:
	case errors.Is(err, conn.ErrNotBroken) || s.Native.State() != conn.StateBroken:
		v.Then = routes.Stop
	case errors.Is(err, conn.ErrStaleEpoch) && x.stale < maxStale:
		x.stale++
		v.Then = routes.Again
	case no == nil:
		if home && errors.Is(err, syscall.ECONNREFUSED) {
			x.until = time.Now() // nobody is there who could have it
		}
	case home || no.HasPosition || no.Closed:
		v.Then = routes.Stop
	case no.RetryAfter <= 0 && lostForGood(no.Code) && !r.ln.cfg.NoFresh:
		v.Then, x.unknown = routes.Hold, err
	}
	return v
}
