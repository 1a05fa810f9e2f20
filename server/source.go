package server

import (
	"net"
	"net/netip"
	"sync"
)

// sources counts the handshakes in progress, by source address.
type sources struct {
	limit int // 0 = none

	mu sync.Mutex         // guards what follows
	n  map[netip.Addr]int // no entry is 0
}

// enter counts one more from addr. ok says that it may continue; leave must then be
// called when it is done.
func (s *sources) enter(addr net.Addr) (leave func(), ok bool) {
	src := sourceOf(addr)
	if s.limit == 0 || !src.IsValid() {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n[src] >= s.limit {
		return nil, false
	}
	if s.n == nil {
		s.n = make(map[netip.Addr]int)
	}
	s.n[src]++
	return func() { s.leave(src) }, true
}

func (s *sources) leave(src netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n[src]--; s.n[src] == 0 {
		delete(s.n, src)
	}
}

// sourceOf is the address that is counted: a whole /64 of IPv6 is one source. It is
// not valid for what is not counted: loopback, and anything that is not IP.
func sourceOf(addr net.Addr) netip.Addr {
	var ip netip.Addr
	switch a := addr.(type) {
	case nil:
		return ip
	case *net.TCPAddr:
		ip = a.AddrPort().Addr()
	default:
		ap, err := netip.ParseAddrPort(addr.String())
		if err != nil {
			return ip
		}
		ip = ap.Addr()
	}
	ip = ip.Unmap()
	if ip.IsLoopback() {
		return netip.Addr{}
	}
	if ip.Is6() {
		net64, _ := ip.WithZone("").Prefix(64) // an IPv6 address has 64 bits
		ip = net64.Addr()
	}
	return ip
}
