package chaos

import (
	"net"
	"syscall"
	"time"
	"unsafe"
)

// outflow looks at the bytes that were written to a socket and have not arrived.
type outflow struct {
	raw  syscall.RawConn // nil: not a socket, nothing is lost
	sent time.Time       // when everything was seen to be on its way
}

// SIOCOUTQNSD of linux/sockios.h, the same on every processor: bytes not sent yet.
// TIOCOUTQ also counts those that are sent and not acknowledged.
const siocOutQNSD = 0x894B

// delayedAck is how long to wait for bytes that are on their way. On loopback they
// are then in the receiver's buffer, though its acknowledgement may take 40 ms.
const delayedAck = 3 * time.Millisecond

func newOutflow(nc net.Conn) *outflow {
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return &outflow{raw: raw}
		}
	}
	return &outflow{}
}

// empty reports whether everything written has reached the receiver's kernel. Linux
// lets the receiver read it even after the reset.
func (o *outflow) empty() bool {
	if o.raw == nil || o.ask(syscall.TIOCOUTQ) == 0 {
		return true
	}
	if o.ask(siocOutQNSD) > 0 {
		return false
	}
	if o.sent.IsZero() {
		o.sent = time.Now()
	}
	return time.Since(o.sent) > delayedAck
}

// ask returns the socket's answer to a query for a number of bytes, 0 if it has none.
func (o *outflow) ask(what uintptr) int32 {
	var n int32
	_ = o.raw.Control(func(fd uintptr) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, what, uintptr(unsafe.Pointer(&n)))
		if errno != 0 {
			n = 0
		}
	})
	return n
}
