package conn

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// A tcpSocket reads and writes a TCP or unix socket with system calls of its own, one at a time. The kernel has a
// socket used by one call at a time as well, and lets the other sleep together with its thread and whatever that thread
// might have run; a goroutine that waits for mu leaves the thread to others. With 8 streams of bulk that is a fifth
// more bytes and half of the context switches (docs/PERFORMANCE.md).
type tcpSocket struct {
	nc net.Conn
	rc syscall.RawConn
	mu sync.Mutex // held during a system call, which does not block

	// Owned by the reader goroutine.
	into    []byte
	got     int
	readErr error
	read    func(fd uintptr) bool

	// Owned by the writer goroutine.
	from     []syscall.Iovec // what is left to write
	vec      []syscall.Iovec // their memory
	writeErr error
	write    func(fd uintptr) bool
	moved    func()
}

// openSocket returns nil when nc is something else. moved is called when a write has got a part through.
func openSocket(nc net.Conn, moved func()) socket {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	rc, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	s := &tcpSocket{nc: nc, rc: rc, moved: moved}
	s.read, s.write = s.tryRead, s.tryWrite
	return s
}

func (s *tcpSocket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.into = p
	err := s.rc.Read(s.read)
	s.into = nil
	switch {
	case err != nil:
		return 0, err
	case s.readErr != nil:
		return 0, s.fault("read", s.readErr)
	case s.got == 0:
		return 0, io.EOF
	}
	return s.got, nil
}

// tryRead reads once; false means that there is nothing yet.
func (s *tcpSocket) tryRead(fd uintptr) bool {
	for {
		s.mu.Lock()
		s.got, s.readErr = syscall.Read(int(fd), s.into)
		s.mu.Unlock()
		if s.readErr != syscall.EINTR {
			return s.readErr != syscall.EAGAIN
		}
	}
}

func (s *tcpSocket) writeAll(bufs [][]byte) error {
	s.vec = s.vec[:0]
	for _, b := range bufs {
		if len(b) > 0 {
			v := syscall.Iovec{Base: &b[0]}
			v.SetLen(len(b))
			s.vec = append(s.vec, v)
		}
	}
	s.from, s.writeErr = s.vec, nil
	err := s.rc.Write(s.write)
	clear(s.vec)
	s.from = nil
	if err == nil && s.writeErr != nil {
		err = s.fault("write", s.writeErr)
	}
	return err
}

// tryWrite writes what the socket takes; false means that there is more.
func (s *tcpSocket) tryWrite(fd uintptr) bool {
	for len(s.from) > 0 {
		s.mu.Lock()
		n, _, errno := syscall.Syscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&s.from[0])), uintptr(len(s.from)))
		s.mu.Unlock()
		switch errno {
		case 0:
			if s.wrote(int(n)); len(s.from) > 0 {
				s.moved()
			}
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			s.writeErr = errno
			return true
		}
	}
	return true
}

// wrote takes n bytes off the front of what is left.
func (s *tcpSocket) wrote(n int) {
	for len(s.from) > 0 {
		v := &s.from[0]
		if n < int(v.Len) {
			v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), n))
			v.SetLen(int(v.Len) - n)
			return
		}
		n -= int(v.Len)
		s.from = s.from[1:]
	}
}

// fault is what package net makes of an errno.
func (s *tcpSocket) fault(op string, errno error) error {
	return &net.OpError{Op: op, Net: s.nc.LocalAddr().Network(), Source: s.nc.LocalAddr(), Addr: s.nc.RemoteAddr(),
		Err: os.NewSyscallError(op, errno)}
}
