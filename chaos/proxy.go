package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrNotLoopback says that an address is not of this machine's loopback, and Config.AllowRemote is not set.
var ErrNotLoopback = errors.New("not a loopback address")

// A Proxy listens on a TCP address and forwards each connection to a target, as its rules allow. Its Group has
// the methods that show and disturb the connections. All methods may be called from any goroutine.
type Proxy struct {
	*Group
	target string
	addr   string
	dialer net.Dialer
	port   *port        // kept in an outage, until serve ends; may be nil
	ln     net.Listener // guarded by Group.mu; closed in an outage
	done   chan struct{}
}

// Listen starts a proxy on a loopback address ("127.0.0.1:0" for any free port) in front of target. target is
// host and port of a TCP server that need not run yet. The proxy's goroutines run until Close. Listen fails
// with a *RuleError, with ErrNotLoopback, or as net.Listen does. A nil cfg is the zero Config.
func Listen(addr, target string, cfg *Config) (*Proxy, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	g, err := newGroup(cfg)
	if err != nil {
		return nil, err
	}
	p := &Proxy{Group: g, target: target, done: make(chan struct{})}
	if !cfg.AllowRemote {
		for _, a := range []struct{ what, addr string }{{"listen address", addr}, {"target", target}} {
			if err := checkLoopback(a.addr); err != nil {
				return nil, fmt.Errorf("gantline: chaos: %s %q: %w: use 127.0.0.1:PORT, [::1]:PORT or localhost:PORT, or set AllowRemote (-allow-remote)", a.what, a.addr, err)
			}
		}
		p.dialer.Control = func(_, address string, _ syscall.RawConn) error {
			return checkLoopback(address) // to which localhost was resolved
		}
	}
	p.dialer.Timeout = max(g.dialTimeout, 0)
	if p.ln, err = net.Listen("tcp", addr); err != nil {
		return nil, fmt.Errorf("gantline: chaos: %w", err)
	}
	p.addr, p.port = p.ln.Addr().String(), keepPort(p.ln)
	g.onDown = func() {
		if p.ln != nil {
			_ = p.ln.Close() // the kernel refuses from here on
			p.ln = nil
		}
	}
	g.begin()
	go p.serve()
	return p, nil
}

// checkLoopback accepts loopback IPs and the name localhost, with a port.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.Unmap().IsLoopback() {
		return ErrNotLoopback
	}
	return nil
}

// Addr returns the address that clients dial, with the port that was chosen. It stays the same over outages; on
// Linux nobody else can listen there during one.
func (p *Proxy) Addr() string { return p.addr }

// Close closes the listener and every connection and waits until all goroutines of the proxy are gone. The
// second Close returns net.ErrClosed.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.onDown()
	err := p.askedLocked()
	p.closeLocked()
	p.mu.Unlock()
	<-p.done
	p.wg.Wait()
	return err
}

// serve accepts connections until Close, and listens again after each outage.
func (p *Proxy) serve() {
	defer close(p.done)
	defer p.port.release()
	for {
		ln := p.listener()
		if ln == nil {
			return
		}
		nc, err := ln.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !p.pause() {
				return
			}
			continue
		}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			_ = nc.Close()
			return
		}
		l := p.newLinkLocked(nc, nil)
		p.mu.Unlock()
		go l.run(p.dial)
	}
}

// listener returns the open listener, after an outage a new one; nil after Close.
func (p *Proxy) listener() net.Listener {
	for {
		p.mu.Lock()
		for p.downs > 0 && !p.closed {
			p.ups.Wait()
		}
		ln, closed := p.ln, p.closed
		p.mu.Unlock()
		if ln != nil || closed {
			return ln
		}
		// Where the port could not be kept, another socket may have taken it by chance, such as a dial from
		// this machine: wait for it.
		lc := net.ListenConfig{Control: p.port.control}
		ln, err := lc.Listen(context.Background(), "tcp", p.addr)
		if err != nil {
			if !p.pause() {
				return nil
			}
			continue
		}
		p.mu.Lock()
		if p.downs == 0 && !p.closed {
			p.ln = ln
		}
		kept := p.ln == ln
		p.mu.Unlock()
		if kept {
			return ln
		}
		_ = ln.Close()
	}
}

// pause waits a little before something is tried again; it returns false after Close.
func (p *Proxy) pause() bool {
	select {
	case <-p.closing:
		return false
	case <-time.After(2 * time.Millisecond):
		return true
	}
}

func (p *Proxy) dial(ctx context.Context) (net.Conn, error) {
	return p.dialer.DialContext(ctx, "tcp", p.target)
}

// countDialLocked counts a dial of the target that failed.
func (g *Group) countDialLocked(err error) {
	if errors.Is(err, syscall.ECONNREFUSED) {
		g.counters.DialsRefused++
	} else {
		g.counters.DialsFailed++
	}
}
