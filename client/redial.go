package client

import (
	"context"
	"net"
	"sync/atomic"
)

// redial dials the addresses of a Dialer in turn, beginning with the one that
// led to the End.
type redial struct {
	d       *Dialer
	targets []target
	turn    atomic.Int64 // index of the next one
}

// next is Config.Redial: one address per call, the next one after a failure.
func (r *redial) next(ctx context.Context) (net.Conn, error) {
	limited, cancel, _ := r.d.limit(ctx, 1)
	defer cancel()
	i := r.turn.Load()
	t := r.targets[int(i)%len(r.targets)]
	nc, err := r.d.connect(limited, t)
	if err != nil {
		r.turn.CompareAndSwap(i, i+1)
		return nil, err
	}
	return nc, nil
}
