// Package memnet is a network that fits in a test. It has pairs of net.Conn in
// memory, a net.Listener, and knobs that cut, stall, slow and split what passes.
//
// # Usage
//
// Pipe returns the two ends of one connection:
//
//	a, b := memnet.Pipe(memnet.WithBuffer(64 << 10))
//	a.CutAfter(1000) // b gets exactly the next 1000 bytes, then both ends are dead
//
// Listen returns a listener whose DialContext can be handed to code that dials
// by itself. Nothing is registered anywhere: the address is only a label, and
// the listener is the only way to reach it.
//
//	ln := memnet.Listen("server")
//	go serve(ln)
//	nc, err := ln.Dial(ctx)
//
// A connection holds up to WithBuffer bytes in each direction; after that
// Write waits, as with TCP. Unlike with TCP, the other end sees a Write at once,
// or after WithLatency.
//
// Inside testing/synctest make the pipe or the listener in the bubble that
// uses it. Every wait is then durable, so a stalled connection lets the
// bubble's clock run, and deadlines and latency are exact.
//
// # Files
//
// conn.go has the Conn, and the pipe that both ends share; its mutex guards all
// that follows, and nothing else is locked inside it. half.go is one direction: a
// ring of bytes and what arrives when. deadline.go wakes blocked calls, fault.go
// has the knobs, option.go the options, listener.go the Listener.
//
// # Concurrency
//
// All methods of Conn and Listener may be called from any goroutine at any
// time. Concurrent Writes of one Conn do not mix their bytes. The package starts no
// goroutine; only timers of deadlines and latency exist, and Close stops them.
//
// # Errors
//
// Errors are *net.OpError (network "memnet") around the cause, apart from
// io.EOF, which Read returns bare after the other end's Close or CloseWrite:
//
//   - net.ErrClosed: this end or this listener was closed here.
//   - os.ErrDeadlineExceeded: a deadline passed; Timeout() is true.
//   - syscall.ECONNRESET: the connection was cut.
//   - syscall.EPIPE: a Write after CloseWrite, or after the other end closed.
//   - syscall.ECONNREFUSED: a dial to a closed listener.
//   - context.Canceled, context.DeadlineExceeded: the dial's context ended.
package memnet
