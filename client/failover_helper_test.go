package client_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// A way is how an address behaves when it is dialled.
type way int

const (
	works   way = iota
	refuses     // nobody listens
	hangs       // the dial gets no answer
	ignores     // the same, and the dial does not care for its context: it takes 20 s and works then
	silent      // the connection is accepted, and nothing else happens
	slow        // the server gets the connection 3 s later
	mute        // the server gets what the client says, and its answers are lost
	resets      // the connection is accepted and closed
)

// streets are addresses that lead to servers in memory, each in its way.
type streets struct {
	t *testing.T

	mu    sync.Mutex // guards what follows
	ways  map[string]way
	leads map[string]chan net.Conn
	made  []net.Conn // both ends of what was dialled
	dials []dialling
}

type dialling struct {
	addr string
	at   time.Time
}

func newStreets(t *testing.T) *streets {
	x := &streets{t: t, ways: map[string]way{}, leads: map[string]chan net.Conn{}}
	t.Cleanup(func() {
		<-time.After(21 * time.Second) // for dials that ignore their context
		x.cut()
	})
	return x
}

// serve starts a server at addr.
func (x *streets) serve(addr string, cfg gantline.Config) *server.Listener {
	queue := make(chan net.Conn, 1000)
	x.mu.Lock()
	x.leads[addr] = queue
	x.mu.Unlock()
	if cfg.ID == "" {
		cfg.ID = addr
	}
	ln := server.NewListener(&queueListener{addr: memnet.Addr(addr), queue: queue, closed: make(chan struct{})}, server.WithConfig(cfg))
	x.t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// alias lets addr lead to the server of another address.
func (x *streets) alias(addr, other string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leads[addr] = x.leads[other]
}

// set changes how addr behaves from now on.
func (x *streets) set(addr string, w way) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ways[addr] = w
}

func (x *streets) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	x.mu.Lock()
	x.dials = append(x.dials, dialling{addr, time.Now()})
	w, queue := x.ways[addr], x.leads[addr]
	x.mu.Unlock()
	switch w {
	case refuses:
		return nil, syscall.ECONNREFUSED
	case hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	case ignores:
		<-time.After(20 * time.Second)
	}
	near, far := memnet.Pipe()
	x.mu.Lock()
	x.made = append(x.made, near, far)
	x.mu.Unlock()
	switch w {
	case silent:
	case slow:
		time.AfterFunc(3*time.Second, func() { queue <- far })
	case mute:
		near.BlockReads(true)
		queue <- far
	case resets:
		_ = far.Close()
	default:
		queue <- far
	}
	return &named{near, addr}, nil
}

// cut breaks all connections that there are.
func (x *streets) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, nc := range x.made {
		nc.(*memnet.Conn).Cut()
	}
	x.made, x.dials = nil, nil
}

// dialled returns the addresses dialled since the last cut, and when.
func (x *streets) dialled() (addrs []string, all []dialling) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range x.dials {
		addrs = append(addrs, d.addr)
	}
	return addrs, slices.Clone(x.dials)
}

// dialer dials the addresses after the first one, too.
func (x *streets) dialer(addrs ...string) *client.Dialer {
	return &client.Dialer{DialFunc: x.dial, Addrs: addrs, Config: gantline.Config{ID: "c"}}
}

// named is a connection that knows where it leads.
type named struct {
	*memnet.Conn
	addr string
}

func (n *named) RemoteAddr() net.Addr { return memnet.Addr(n.addr) }

// queueListener is a net.Listener of connections made elsewhere.
type queueListener struct {
	addr   net.Addr
	queue  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *queueListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.queue:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *queueListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *queueListener) Addr() net.Addr { return l.addr }

// watched is an End with the sessions that it has had.
type watched struct {
	*gantline.End
	sessions chan bool
}

// dialWatched dials the addresses and takes the first session off the list.
func (x *streets) dialWatched(d *client.Dialer, addr string) watched {
	x.t.Helper()
	w := watched{sessions: make(chan bool, 100)}
	d.Config.OnSession = func(_ *gantline.End, fresh bool) { w.sessions <- fresh }
	end, err := d.Dial(x.t.Context(), "mem", addr)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { _ = end.Close() })
	w.End = end
	<-w.sessions
	return w
}
