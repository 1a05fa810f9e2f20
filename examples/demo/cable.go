package main

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// cable is the connection between the two sides, which somebody trips over.
type cable struct {
	mu   sync.Mutex // guards nc
	nc   *net.TCPConn
	cuts atomic.Int64
}

// dial is the client's way to the server, the first time and after each cut.
func (c *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nc, _ = nc.(*net.TCPConn)
	return nc, nil
}

// cut resets the connection: what is on its way is lost, in both directions.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nc != nil {
		_ = c.nc.SetLinger(0)
		_ = c.nc.Close()
		c.nc = nil
		c.cuts.Add(1)
	}
}

// keepCutting cuts again and again, every period, until ctx is done.
func (c *cable) keepCutting(ctx context.Context, every time.Duration) {
	if every <= 0 {
		return
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			c.cut()
		case <-ctx.Done():
			return
		}
	}
}
