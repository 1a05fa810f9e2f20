package gantline

import (
	"context"
	"io"
	"iter"
	"net"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// The stream's room. A Stream owns its scope, the place that calls and messages can be addressed to: whether the
// application has it, and whether it is over. Its End's mu guards that. Its bytes, windows and deadlines are mux's
// (mux.Stream has their locks). No goroutine runs for a stream. Read stream_open.go (how one is opened, and opened again
// in the next session), stream_accept.go (the peer's, until somebody takes them), stream_scope.go (the halves that rpc
// and messager keep of it), stream_bytes.go (what carries the bytes).

// Stream is one of the many byte streams of an End: a net.Conn with flow control of its own.
//
// Calls and messages can be addressed to it too: they reach what is registered on the peer's end of the stream, and end
// with it. An End's own stream is End.Stream.
//
// All methods may be called from any goroutine at any time. The bytes of one Write stay together.
type Stream struct {
	mx  byteStream // a *mux.Stream, but for the End's own with a yamux peer; set before the stream is shared
	end *End
	ses *session // that it belongs to; nil for an End's own

	scope scope
	dead  atomic.Bool // reset before the application had it
}

var (
	_ net.Conn      = (*Stream)(nil)
	_ io.ReaderFrom = (*Stream)(nil)
	_ io.WriterTo   = (*Stream)(nil)
)

// OpenStream opens a stream. It does not wait for the peer's AcceptStream: a refusal shows at the first Read or Write.
//
// It waits while the peer's Limits.Streams are open or Limits.AcceptBacklog of them are not accepted, for at most
// Limits.OpenTimeout, and while an End that redials has no connection. ctx bounds these waits, not the stream. The timeout
// is for a peer that could accept: it begins anew when the connection was lost meanwhile, or when a ping of at most 30 s
// finds that it is. Where nothing can be waited for (Setup, Inline handlers, OnDone) it opens at once or fails.
//
// Errors: ctx's, Unavailable once this side or the peer shuts down, or why the End is over, all with ErrNotSent; *Error
// with ResourceExhausted after the timeout, or InvalidArgument for a name or metadata over the limits.
func (e *End) OpenStream(ctx context.Context, opts ...StreamOption) (*Stream, error) {
	return e.openStream(ctx, opts)
}

// AcceptStream returns the next stream that the peer has opened and whose name no Listener claims. After the peer has
// closed the End, it still returns what had arrived.
//
// Errors: ctx's, FailedPrecondition inside Setup, an Inline handler or OnDone, or why the End is over.
func (e *End) AcceptStream(ctx context.Context) (*Stream, error) {
	return e.accept(ctx, e.backlog.Rest(), nil)
}

// Accept is AcceptStream without a context, for net.Listener.
func (e *End) Accept() (net.Conn, error) {
	st, err := e.AcceptStream(context.Background())
	if err != nil {
		return nil, err
	}
	return st, nil
}

// Listener returns a net.Listener of the peer's streams with that name. "" means the names that nobody else claims, as
// for AcceptStream. Several listeners of one name share its streams. Closing a listener closes nothing else: from then
// on, streams of the name go to AcceptStream. So http.Server and the like can be shut down while the End lives.
func (e *End) Listener(name string) net.Listener {
	return &listener{e: e, name: name, q: e.backlog.Claim(name), done: make(chan struct{})}
}

// DialContext opens a stream named addr, for http.Transport and others that dial. network is ignored.
func (e *End) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	st, err := e.OpenStream(ctx, WithName(addr))
	if err != nil {
		return nil, err
	}
	return st, nil
}

// Streams lists the streams that are open, in no order. These are both sides' streams, accepted or not, without the
// End's own one.
func (e *End) Streams() iter.Seq[*Stream] {
	return func(yield func(*Stream) bool) {
		s := e.session()
		s.Mux.Streams(func(ms *mux.Stream) bool { return yield(e.adopt(s, ms)) })
	}
}

// ID returns the stream's id, which is the same on both sides. It is 0 for an End's own stream, odd for streams that the
// dialling side opened, and even for the others. Ids grow and are never used again in one session.
func (st *Stream) ID() uint64 { return st.mx.ID() }

// Name returns what the opener gave WithName, "" for none.
func (st *Stream) Name() string { return st.mx.Name() }

// Meta returns what the opener gave WithMeta, nil for none. Do not change it.
func (st *Stream) Meta() []byte {
	v, _ := frame.MetadataValue(st.mx.Metadata(), frame.MetaStream)
	return v
}

// Metadata returns a copy of what the opener gave WithMetadata, nil for none.
func (st *Stream) Metadata() Metadata { return parseMetadata(st.mx.Metadata()) }

// ReachedPeer reports whether the peer is known to have got the stream's open.
//
// It is true for a stream that the peer opened, and once the peer has acknowledged, accepted, refused or answered this
// side's: a round trip and at most 10 ms after that was sent. It stays as it is after the end. Where it is false then, the
// peer may have got the stream all the same, unless Read's error is ErrNotSent.
func (st *Stream) ReachedPeer() bool { return st.mx.Reached() }

// Side tells who opened the stream. The End's own one counts as the client's.
func (st *Stream) Side() Side {
	if st.mx.Opened() == st.end.session().Link.Client() {
		return ClientSide
	}
	return ServerSide
}

// End returns the End that the stream belongs to.
func (st *Stream) End() *End { return st.end }

// LocalAddr returns the carrier's local address.
func (st *Stream) LocalAddr() net.Addr { return st.end.session().Link.LocalAddr() }

// RemoteAddr returns the carrier's remote address.
func (st *Stream) RemoteAddr() net.Addr { return st.end.session().Link.RemoteAddr() }

// Read waits for bytes and returns what there is, up to len(p). What arrived stays readable after the peer has closed
// its direction or the session has ended.
//
// Errors: io.EOF (only after the peer's CloseWrite or Close), net.ErrClosed (closed here, or the End by either side),
// os.ErrDeadlineExceeded, *StreamError after a reset, ErrSessionLost. ErrNotSent is in it as well if the peer certainly
// never got the stream, or does not serve it because it shuts down; so it is in Write's.
func (st *Stream) Read(p []byte) (int, error) { return st.mx.Read(p) }

// Write sends p. It waits while the peer does not read or the link has no room, and returns when all of p will be
// delivered if the link lives.
//
// Errors: net.ErrClosed (closed here, or the peer reads no more), os.ErrDeadlineExceeded, *StreamError after a reset,
// ErrSessionLost. With an error, n bytes of p were sent all the same.
func (st *Stream) Write(p []byte) (n int, err error) { return st.mx.Write(p) }

// ReadFrom sends what r gives until io.EOF. io.Copy uses it.
func (st *Stream) ReadFrom(r io.Reader) (int64, error) { return st.mx.ReadFrom(r) }

// WriteTo writes to w what the peer sends until it closes its direction. io.Copy uses it.
func (st *Stream) WriteTo(w io.Writer) (int64, error) { return st.mx.WriteTo(w) }

// CloseWrite ends this side's direction: the peer reads io.EOF after all that was written. Reading goes on.
func (st *Stream) CloseWrite() error { return st.mx.CloseWrite() }

// CloseRead ends the peer's direction. What it sent and sends is dropped, and its writes fail with net.ErrClosed. Writing
// goes on.
func (st *Stream) CloseRead() error { return st.mx.CloseRead() }

// Close ends both directions. What was written is still delivered, and blocked calls return net.ErrClosed. It does not
// wait for the peer and may be repeated. Calls that the stream's handlers serve go on.
func (st *Stream) Close() error {
	err := st.mx.Close()
	st.closeScope(errStreamClosed)
	return err
}

// Reset ends both directions at once; what is on its way may be lost. The peer's operations fail with a *StreamError
// that has reason's code (CodeOf; Canceled for nil) and text, at most 1 KiB. Close after it does nothing.
func (st *Stream) Reset(reason error) error {
	h := headOf(reason)
	if reason == nil {
		h.Code = Canceled
	}
	err := st.mx.Reset(h.Code, h.Text)
	st.closeScope(errStreamClosed)
	return err
}

// SetDeadline sets both deadlines; zero means none. A blocked call is woken by one that has passed.
func (st *Stream) SetDeadline(t time.Time) error { return st.mx.SetDeadline(t) }

// SetReadDeadline sets when Read fails with os.ErrDeadlineExceeded; zero means never.
func (st *Stream) SetReadDeadline(t time.Time) error { return st.mx.SetReadDeadline(t) }

// SetWriteDeadline sets when Write fails with os.ErrDeadlineExceeded; zero means never.
func (st *Stream) SetWriteDeadline(t time.Time) error { return st.mx.SetWriteDeadline(t) }

var errStreamClosed = errorf(NotFound, "the stream is closed")

// StreamOption sets something about a stream that is opened: see WithName, WithMeta and WithMetadata.
type StreamOption interface{ applyStream(*streamOptions) }

type streamOptions struct {
	name     string
	meta     []byte
	metadata Metadata
}

type streamOption func(*streamOptions)

func (f streamOption) applyStream(o *streamOptions) { f(o) }

// WithName gives the stream a name of at most 255 bytes. Stream.Name returns it on both sides, and End.Listener selects
// by it.
func WithName(name string) StreamOption {
	return streamOption(func(o *streamOptions) { o.name = name })
}

// WithMeta gives the stream bytes of the application's, which Stream.Meta returns on both sides. They and
// the stream's metadata share 8 KiB.
func WithMeta(meta []byte) StreamOption {
	return streamOption(func(o *streamOptions) { o.meta = meta })
}
