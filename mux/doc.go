// Package mux runs many flow-controlled streams, calls and messages over one link of frames.
//
// # Usage
//
// New takes a Link (package conn has one; tests use a fake) and a Config whose Acceptor is called with what
// the peer opens. The Session becomes the link's frame handler. OpenStream returns a Stream, which is a
// net.Conn; Start sends an Exchange: one body out, one answer back. Calls, messages and notifies are
// exchanges, so they share ids, limits, credit and resets with streams.
//
// YamuxClient and YamuxServer run a Session of plain streams over a net.Conn to a peer that speaks yamux;
// they bring a link of their own.
//
// # Concurrency
//
// All methods of Session, Stream, Exchange and Incoming may be called from any goroutine unless they say
// otherwise. Only a Yamux starts goroutines: two, which end with it. The link's reader goroutine calls HandleFrame and
// HandleReleased, the link's writer calls Fill. Acceptor and Sink methods run on the reader goroutine and
// must not block.
//
// The link's send lock guards the send side of every stream and what the session counts; each stream has a
// lock for its receive side. Lock order: send lock, table. Then, never together with the send lock: table,
// receive lock of a stream, budget, process. A body's lock is taken alone. Yamux.mu stands where the send lock
// does: table and receive locks may be taken inside it, and never the send lock.
//
// # Files
//
// Read session.go first: it has the Session and one struct for each concern. Then the way of a frame:
//
//   - out: open.go opens, slots.go, wait.go and outage.go make openers wait; flow.go and flow_write.go have the sending
//     direction that streams and exchanges share; bulk.go says how much bulk may go out, fill.go is what the
//     link's writer calls.
//   - in: dispatch.go takes frames, table.go finds their stream, accept.go takes OPEN. recv.go, chunk.go and
//     arrive.go are a stream's receive side; assembly.go collects a body; budget.go and process.go say how much
//     the peer may send.
//   - what users hold: stream.go with stream_close.go and deadline.go, exchange.go for our calls and messages,
//     incoming.go with reply.go for the peer's. config.go has the Acceptor, link.go what is needed of a link.
//   - the rest of a session: drain.go, replay.go.
//   - yamux.go and the other yamux files are a link of their own: yamux_read.go and yamux_write.go are its two
//     goroutines, which translate between its frames and ours.
//
// # Errors
//
// A Read or Write on a stream closed here gives an error that is net.ErrClosed, past a deadline
// os.ErrDeadlineExceeded, after a reset a *StreamError with the code. When the session is gone every
// operation returns the reason the link gave, which is ErrNotSent too for a stream that the peer never got. HandleFrame returns an error only for what a correct peer
// cannot send; the link then closes. A Yamux ends with a *YamuxError.
package mux
