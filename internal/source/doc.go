// Package source says which source a connection counts for where what strangers may hold is limited by source.
//
// # Usage
//
//	src := source.Of(nc.RemoteAddr())
//	if src.IsValid() {
//		count(src)
//	}
//
// A source is an IPv4 address or a whole /64 of IPv6, which is what one customer usually has. Loopback, unix sockets and
// addresses that are not IP are no source: many peers may share one of those, as they do with a proxy.
//
// # Concurrency
//
// Of may be called from any goroutine.
//
// # Errors
//
// There are none. What is no source is the zero netip.Addr, which is not valid.
package source
