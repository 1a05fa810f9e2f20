package client

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/routes"
)

// redial dials the addresses of a Dialer for an End that has lost its connection. It remembers how each has fared.
type redial struct {
	d       *Dialer
	network string
	own     int // places that the Dialer has

	mu     sync.Mutex // guards what follows
	places []place    // the Dialer's, and at most one that a server has named
	turn   int        // index of the one to begin with
}

// A place is an address with what is known of it.
type place struct {
	target
	leads string    // where it led, "" while unknown
	later time.Time // when its server wants to be asked again
}

func newRedial(d *Dialer, network string, targets []target) *redial {
	r := &redial{d: d, network: network, own: len(targets)}
	for _, t := range targets {
		r.places = append(r.places, place{target: t})
	}
	return r
}

// next is Config.Redial.
func (r *redial) next(ctx context.Context) (net.Conn, error) {
	set := r.set(gantline.Redialing(ctx))
	if routes.Wanted(ctx) {
		return set, nil
	}
	failed := &dialError{} // for Migrate, which wants a connection
	for i, w := range set.Routes {
		limited := w.Limit(ctx, len(set.Routes)-i)
		nc, err := w.Dial(limited)
		if err = w.Ended(limited, nc, err); err == nil {
			return nc, nil
		}
		if failed.merge(err); ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// first is the set of a Dial.
func (r *redial) first() *routes.Set {
	set := &routes.Set{Named: func(addr string) (routes.Route, error) {
		w, err := r.named(addr)
		if err == nil {
			w.first = true
		}
		return w, err
	}}
	for _, p := range r.places {
		set.Routes = append(set.Routes, &way{r: r, target: p.target, first: true})
	}
	return set
}

// set has the ways in dialling order. First comes the address that the last server named, if any, then the one that led
// to the session, which no other server can resume. The others follow in turn, from the one that led to a server last.
// Those that have failed since then, or want to be asked later, come last.
func (r *redial) set(addr string, home net.Addr) *routes.Set {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.turn
	for i, p := range r.places {
		if home != nil && p.leads == home.String() {
			first = i
		}
	}
	set := &routes.Set{Named: func(addr string) (routes.Route, error) { return r.named(addr) }}
	if t, err := r.d.target(r.network, addr); addr != "" && err == nil {
		set.Routes = append(set.Routes, &way{r: r, target: t, resumes: home != nil, home: home != nil})
	}
	var later []routes.Route
	for k := range r.places {
		i := (first + k) % len(r.places)
		w := &way{r: r, target: r.places[i].target, resumes: home != nil, home: home != nil && i == first}
		if !w.home && time.Until(r.places[i].later) > 0 {
			later = append(later, w)
		} else if w.addr != addr {
			set.Routes = append(set.Routes, w)
		}
	}
	if len(set.Routes) == 0 {
		set.Routes = later
	}
	return set
}

// named is the way to an address that a server has named.
func (r *redial) named(addr string) (*way, error) {
	t, err := r.d.target(r.network, addr)
	if err != nil {
		return nil, err
	}
	return &way{r: r, target: t}, nil
}

// answered records that there is a server at t, which has refused to resume a session of another one.
func (r *redial) answered(t target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.index(t); i >= 0 {
		r.turn = i
	}
}

// led records that t led to a server, at the other end of nc.
func (r *redial) led(t target, nc net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn = r.addLocked(t)
	p := &r.places[r.turn]
	p.leads, p.later = "", time.Time{}
	if at := nc.RemoteAddr(); at != nil {
		p.leads = at.String()
	}
}

// failed records that t led nowhere.
func (r *redial) failed(t target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failedLocked(t)
}

func (r *redial) failedLocked(t target) {
	if r.index(t) == r.turn {
		r.turn = (r.turn + 1) % len(r.places)
	}
}

// later records that the server at t wants to be asked again after d. It may have named another address for that.
func (r *redial) later(t target, d time.Duration, addr string) {
	at := time.Now().Add(d)
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.index(t); i >= 0 {
		r.places[i].later = at
	}
	if other, err := r.d.target(r.network, addr); addr != "" && err == nil {
		r.places[r.addLocked(other)].later = at
	}
	r.failedLocked(t)
}

// addLocked returns the index of t. A new one takes the place of what a server has named before.
func (r *redial) addLocked(t target) int {
	i := r.index(t)
	if i < 0 {
		i = r.own
		r.places = append(r.places[:i], place{target: t})
	}
	return i
}

func (r *redial) index(t target) int {
	return slices.IndexFunc(r.places, func(p place) bool { return p.addr == t.addr })
}
