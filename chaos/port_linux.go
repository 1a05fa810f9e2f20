//go:build 386 || amd64 || arm || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x

package chaos

import (
	"net"
	"net/netip"
	"syscall"
)

// soReusePort is SO_REUSEPORT where asm-generic/socket.h holds; package syscall lacks it on some processors.
const soReusePort = 15

// A port keeps a port for this process while nobody listens on it. A second socket has the port too, and never
// listens, so that the kernel refuses all dials.
type port struct{ fd int }

// keepPort keeps the port of ln after its end. Nothing is lost when that fails: the port is then free during an
// outage, and a process that takes it by chance gets the dials.
func keepPort(ln net.Listener) *port {
	tl, ok := ln.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := tl.SyscallConn()
	if err != nil || !shared(raw) {
		return nil
	}
	addr, ok := netip.AddrFromSlice(tl.Addr().(*net.TCPAddr).IP)
	if !ok {
		return nil
	}
	n := tl.Addr().(*net.TCPAddr).Port
	domain, sa := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: n, Addr: addr.As16()})
	if addr = addr.Unmap(); addr.Is4() {
		domain, sa = syscall.AF_INET, &syscall.SockaddrInet4{Port: n, Addr: addr.As4()}
	}
	fd, err := syscall.Socket(domain, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	// Not SO_REUSEADDR, which would let others have the port, for they set it too.
	if syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, soReusePort, 1) != nil || syscall.Bind(fd, sa) != nil {
		_ = syscall.Close(fd)
		return nil
	}
	return &port{fd}
}

// control is for a net.ListenConfig that listens on the port again.
func (p *port) control(_, _ string, raw syscall.RawConn) error {
	if p != nil {
		shared(raw)
	}
	return nil
}

func (p *port) release() {
	if p != nil {
		_ = syscall.Close(p.fd)
	}
}

// shared lets sockets of this user that set the same option have the port as well. A socket that does not set
// it gets "address in use".
func shared(raw syscall.RawConn) (ok bool) {
	_ = raw.Control(func(fd uintptr) {
		ok = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReusePort, 1) == nil
	})
	return ok
}
