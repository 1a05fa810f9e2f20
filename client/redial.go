package client

import (
	"context"
	"net"
	"slices"
	"sync"

	"github.com/gantline-project/gantline"
)

// redial dials the addresses of a Dialer for an End that has lost its connection.
type redial struct {
	d       *Dialer
	network string
	own     int // targets that the Dialer has

	mu      sync.Mutex // guards what follows
	targets []target   // the Dialer's, and at most one that a server has named
	where   []string   // where each of them led, "" while unknown
	turn    int        // index of the one to begin with
}

func newRedial(d *Dialer, network string, targets []target) *redial {
	return &redial{d: d, network: network, own: len(targets), targets: slices.Clone(targets), where: make([]string, len(targets)+1)}
}

// next is Config.Redial. It dials the address that the last server named, if any. Otherwise it dials the
// address that led to the session, since no other server can resume it, and then the others in turn.
func (r *redial) next(ctx context.Context) (net.Conn, error) {
	addr, home := gantline.Redialing(ctx)
	order := r.order(home)
	if addr != "" {
		t, err := r.d.target(r.network, addr)
		if err != nil {
			return nil, err
		}
		order = []target{t}
	}
	failed := &dialError{}
	for i, t := range order {
		nc, err := r.connect(ctx, t, len(order)-i)
		if err == nil {
			r.led(t, nc)
			return nc, nil
		}
		if failed.add(t, err); ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// order returns the targets in dialling order.
func (r *redial) order(home net.Addr) []target {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.turn
	for i := range r.targets {
		if home != nil && r.where[i] == home.String() {
			first = i
		}
	}
	return slices.Concat(r.targets[first:], r.targets[:first])
}

// led records that t led to the other end of nc.
func (r *redial) led(t target, nc net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.targets, func(x target) bool { return x.addr == t.addr })
	if i < 0 {
		i = r.own
		r.targets = append(r.targets[:i], t)
	}
	r.turn, r.where[i] = i, ""
	if at := nc.RemoteAddr(); at != nil {
		r.where[i] = at.String()
	}
}

// connect dials one target; left counts it and those after it.
func (r *redial) connect(ctx context.Context, t target, left int) (net.Conn, error) {
	limited, cancel, _ := r.d.limit(ctx, left)
	defer cancel()
	return r.d.connect(limited, t)
}
