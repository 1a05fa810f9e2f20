// Package mux runs many flow-controlled streams, calls and messages over one link of frames.
//
// # Usage
//
// New takes a Link (package conn has one; tests use a fake) and a Config whose Acceptor hears what the
// peer opens. The Session is handed to the link as its frame handler. OpenStream gives a Stream, which is
// a net.Conn; Start sends an Exchange: one body out, one answer back. Calls, messages and notifies are
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
// Two kinds of lock: the link's send lock guards the send side of every stream and the session's books;
// each stream has a lock for its receive side. Lock order: send lock, then the table lock. The receive
// lock is never held together with the send lock; the budget's and a body's lock are taken last.
//
// # Errors
//
// A Read or Write on a stream closed here gives an error that is net.ErrClosed, past a deadline
// os.ErrDeadlineExceeded, after a reset a *StreamError with the code. When the session is gone every
// operation returns the reason the link gave. HandleFrame returns an error only for what a correct peer
// cannot send; the link then closes. A Yamux ends with a *YamuxError.
package mux
