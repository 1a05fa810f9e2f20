package source

import (
	"net"
	"net/netip"
)

// bits is how much of an IPv6 address is one source.
const bits = 64

// Of returns the source that addr counts for. It is not valid for what is not counted.
func Of(addr net.Addr) netip.Addr {
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
	if !ip.IsValid() || ip.IsLoopback() {
		return netip.Addr{}
	}
	if ip.Is6() {
		network, _ := ip.WithZone("").Prefix(bits) // an IPv6 address has as many
		ip = network.Addr()
	}
	return ip
}
