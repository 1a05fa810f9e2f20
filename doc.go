// Package gantline holds one connection between two programs, with streams, calls and messages on it.
//
// Streams are net.Conn, calls go in both directions, messages are acknowledged. Both ends are equal: either may open,
// call and publish, no matter which one dialled. When the cable is cut, all of it continues over the next connection.
//
// # Layers
//
//	    your program
//	       │
//	client/, server/            dial and keep dialling; listen, and know who is connected
//	       │
//	    package gantline        End and Stream; rpc: calls; messager: messages
//	       │           │
//	   mux/: streams   │        flow-controlled byte streams in frames; also the yamux dialect
//	       │           │
//	       └── conn/: link      one exactly-once sequence of frames over one carrier after the other
//	             │
//	          frame/            frames to bytes and back
//	             │
//	          net.Conn          TCP, TLS, unix, memory: whatever carries bytes in order
//
// # Glossary
//
//	carrier       the net.Conn that carries the bytes now; it may break and be replaced
//	link          the sequence of frames over carriers, each frame delivered exactly once
//	session       what lives as long as the link does: its streams, calls and messages
//	resume        going on with a session over a new carrier; nothing is lost
//	fresh session a new session under the same End, after the old one was lost
//	scope         what calls and messages are addressed to: an End, or one of its streams
//	early window  what of a stream or body may be sent before the receiver has granted anything: 64 KiB
//	credit        bytes that the receiver has granted to a stream's or body's sender
//	depth         how many calls and messages one is nested in, each begun by the handler of another
//
// # Usage
//
// An End is made of any net.Conn, one on each side. Pipe gives two Ends in memory, for tests:
//
//	end, err := gantline.Client(ctx, nc, &gantline.Config{ID: "edge-7"}) // dialled nc
//	end, err := gantline.Server(ctx, nc, &gantline.Config{Setup: setup}) // accepted nc
//
// Register handlers in Config.Setup (or on a Router that many Ends share): it runs before the peer is heard, so
// no first call is lost. Then:
//
//	st, err := end.OpenStream(ctx, gantline.WithName("backup")) // a net.Conn to the peer's AcceptStream
//	go http.Serve(end.Listener("http"), mux)                    // serve the peer's streams of a name
//	out, err := end.Call(ctx, "method", body)                   // bytes in, bytes out
//	n, err := gantline.Call[int](ctx, end, "sum", SumReq{1, 2}) // values
//	err := end.Notify(ctx, "method", body)                      // no answer
//	err := end.Publish(ctx, "topic", body)                      // nil once the peer's application has acked
//
// A handler finds who called it with FromContext(ctx), and may call back over the same connection. Streaming
// calls in all four kinds are OpenCall and HandleStream, with values Each, HandleEach and their like. Calls and
// messages can also be addressed to a stream instead of the End: Stream has the same methods.
//
// With Config.Redial, which package client sets, an End outlives its connection: streams, calls and messages go on
// over the next one. When the server has lost the session meanwhile, the End goes on with a fresh one: streams fail
// with ErrSessionLost, calls that were not sent are made, and unacked messages are published again.
//
// With Config.Outbox, which package outbox has in a file, messages that are not acked outlive the process.
//
// With Config.Yamux the peer may be one that speaks plain yamux: then there are streams only.
//
// Close delivers what was written; Shutdown waits for what runs first.
//
// # Concurrency
//
// Every method of End, Stream, Router and PendingCall may be called from any goroutine at any time. A handler
// runs on a goroutine of its own per call unless it was registered Inline; notifies to one stream, and to the
// End, run one at a time in their order. An application that does not read, accept or acknowledge stops only what
// waits for that: other streams, calls and messages of the same End go on.
//
// An End has two goroutines, and one more while hooks run. Idle streams, calls and messages have none.
//
// # Errors
//
// Errors can be asked, with errors.Is or CodeOf, and print with the prefix "gantline: " once:
//
//   - *Error: why a call or publish failed; Remote tells the peer's answer from a local reason. It is its
//     Code, so errors.Is(err, gantline.NotFound) holds, and for DeadlineExceeded and Canceled the context's error.
//   - ErrNotSent: safe to do again. ErrUnknownOutcome: the peer may have acted on it. A call whose context ends is one too.
//   - *StreamError: a stream was reset, with a Code, by which side.
//   - io.EOF: only after the peer's CloseWrite or Close, or as the good end of a streaming call.
//   - os.ErrDeadlineExceeded, context.DeadlineExceeded, context.Canceled: a deadline or context of this side.
//   - net.ErrClosed: closed here, or the End by either side.
//   - ErrSessionLost: the connection broke and could not be resumed. ErrUnsupported: not with this peer; wraps errors.ErrUnsupported.
//
// Each has one code: CodeOf returns it, and errors.Is finds no other. What a peer said is printed on one line.
package gantline
