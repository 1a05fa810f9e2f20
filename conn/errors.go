package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

const prefix = "gantline: "

var (
	// ErrSessionLost says that the carrier broke and the session went with it. Its code
	// is Unavailable, whatever the reason has.
	ErrSessionLost = errs.New(frame.Unavailable, "gantline: session lost")
	// ErrHeartbeat says that the peer was silent and did not answer the heartbeat in
	// time. It wraps ErrSessionLost.
	ErrHeartbeat = newLost("the peer did not answer the heartbeat", nil)
	// ErrStalled says that the carrier took no byte for Config.FlushTimeout. It
	// wraps ErrSessionLost.
	ErrStalled = newLost("the carrier took no byte within the flush timeout", nil)
	// ErrStoodStill says that this process did not run for longer than the peer waits. It
	// was stopped, or got no processor. The peer has given up the carrier, so what lies in
	// the socket does not count. It wraps ErrSessionLost.
	ErrStoodStill = newLost("this process stood still for longer than the peer waits", nil)
	// ErrNotGantline says that the peer's first bytes were something else: TLS or
	// HTTP on a plain port, for instance.
	ErrNotGantline = errs.New(frame.Unknown, "gantline: handshake: the peer does not speak gantline")

	errCloseTimeout = errs.New(frame.Unknown, "gantline: the peer did not finish the goodbye within the close timeout")
	errInHandler    = errs.New(frame.Unknown, "gantline: the reader is inside the application's code, the goodbye goes on after it")
)

// A RefusedError is a server's answer to a HELLO that it does not want. If
// Config.Accept returns one, the client gets it as it is.
type RefusedError struct {
	Code       frame.Code    // why
	Text       string        // for people, at most 1 KiB
	RetryAfter time.Duration // 0 = no advice
	Addr       string        // another address to try; "" = none
	Epoch      uint64        // of a resume: the newest attempt the server has seen; 0 = that was not the reason
	// Position is how much the ended session has taken of what this side sent. It is
	// valid when HasPosition is set, which needs a resume whose proof was valid.
	Position    uint64
	HasPosition bool
	// Closed says that the session was closed with Code. That was a Close of which this
	// side did not learn, or another client with its id. It needs a resume whose proof
	// was valid.
	Closed bool
}

// Error names code and text.
func (e *RefusedError) Error() string {
	s := prefix + "refused: " + e.Code.String()
	if e.Closed {
		s = prefix + "refused: the session was closed with code " + e.Code.String()
	}
	if e.Text != "" {
		s += ": " + errs.Quoted(e.Text)
	}
	return s
}

// Unwrap returns the code. Where that is OK, it returns net.ErrClosed with Unavailable.
func (e *RefusedError) Unwrap() error {
	if e.Code == frame.OK {
		return errs.Seal(frame.Unavailable, net.ErrClosed)
	}
	return e.Code
}

// refusedHere is the error of a server's handshake that refused a client. It has the
// code that the client got.
func refusedHere(id string, why error) error {
	code := frame.PermissionDenied
	if c, ok := errs.Find(why); ok && c != frame.OK {
		code = c
	}
	text := strings.TrimPrefix(errs.Quoted(bare(why)), "refused: ")
	return errs.New(code, fmt.Sprintf("gantline: client %q refused: %s", id, text), why)
}

// A VersionError says that the two sides have no protocol version in common.
type VersionError struct {
	Local byte // the version spoken here
	Peer  byte // the highest the peer speaks
}

// Error names both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("gantline: handshake: the peer speaks protocol version %d, this side %d: update the older one", e.Peer, e.Local)
}

// A ProtocolError says that the peer broke a rule of the protocol. The link is
// closed with it and cannot be resumed.
type ProtocolError struct {
	Code frame.Code // sent to the peer in BYE
	Err  error      // the rule
}

// Error names the rule.
func (e *ProtocolError) Error() string {
	return prefix + "protocol error: " + errs.Quoted(bare(e.Err))
}

// Unwrap returns Err, under Code.
func (e *ProtocolError) Unwrap() error { return errs.Seal(e.Code, e.Err) }

// protocolf makes a ProtocolError with a rule of this package.
func protocolf(code frame.Code, format string, args ...any) *ProtocolError {
	return &ProtocolError{Code: code, Err: fmt.Errorf(format, args...)}
}

// asProtocol makes err a ProtocolError unless it is one.
func asProtocol(err error) *ProtocolError {
	var p *ProtocolError
	if errors.As(err, &p) {
		return p
	}
	var code frame.Code
	if !errors.As(err, &code) || code == frame.OK {
		code = frame.Internal
	}
	return &ProtocolError{Code: code, Err: err}
}

// A ClosedError says that the link was closed on purpose, and by whom.
// errors.Is(err, net.ErrClosed) holds.
type ClosedError struct {
	Remote bool       // the peer said BYE
	Code   frame.Code // of the BYE
	Text   string     // of the BYE
	Err    error      // Abort's argument, or nil
}

// Error names who closed the link and why.
func (e *ClosedError) Error() string {
	s := prefix + "closed"
	if e.Remote {
		s += " by the peer"
	}
	if e.Code != frame.OK {
		s += ": " + e.Code.String()
	}
	if e.Text != "" {
		s += ": " + errs.Quoted(e.Text)
	}
	if e.Err != nil {
		s += ": " + bare(e.Err)
	}
	return s
}

// Unwrap returns net.ErrClosed and Err, under one code: Code or, where that is OK, the
// one in Err, or Unavailable.
func (e *ClosedError) Unwrap() []error {
	code := e.Code
	if code == frame.OK {
		code = frame.Unavailable
		if c, ok := errs.Find(e.Err); ok {
			code = c
		}
	}
	return []error{errs.Seal(code, net.ErrClosed, e.Err)}
}

// An UnconfirmedError is returned by Close when the link ended before the peer
// had acknowledged everything.
type UnconfirmedError struct {
	Bytes uint64 // appended and not acknowledged, headers included
	Err   error  // why the link ended
}

// Error names the number of bytes and the reason.
func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("gantline: closed with %d bytes that the peer did not confirm: %s", e.Bytes, bare(e.Err))
}

// Unwrap returns Err, under its code.
func (e *UnconfirmedError) Unwrap() error { return errs.Seal(errs.Of(e.Err), e.Err) }

// A lostError is ErrSessionLost with the carrier's own error in it.
type lostError struct {
	text string
	err  error // nil when it must not be found by errors.Is
}

func newLost(text string, err error) error { return &lostError{text: text, err: err} }

// lost wraps what a Read or Write of the carrier returned. To users of a stream the end
// of the carrier is neither the end of the stream nor their own Close, deadline or
// context, so of those only the text remains.
func lost(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return newLost("the peer hung up without a goodbye", io.ErrUnexpectedEOF)
	case errors.Is(err, net.ErrClosed):
		return newLost("the carrier was closed from outside", nil)
	}
	text := errs.Quoted(bare(err))
	for _, own := range []error{os.ErrDeadlineExceeded, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, own) {
			return newLost(text, nil)
		}
	}
	return newLost(text, err)
}

func (e *lostError) Error() string { return prefix + "session lost: " + e.text }

// whyLost is the reason in err, for a carrier whose session lives.
func whyLost(err error) string {
	if e, ok := err.(*lostError); ok {
		return e.text
	}
	return bare(err)
}

// Unwrap returns ErrSessionLost and the reason, whose code is not the session's.
func (e *lostError) Unwrap() error { return errs.Seal(frame.Unavailable, ErrSessionLost, e.err) }

// A handshakeError says with which peer a handshake failed.
type handshakeError struct {
	addr net.Addr
	err  error
}

func (e *handshakeError) Error() string {
	return fmt.Sprintf("gantline: handshake with %v: %s", e.addr, strings.TrimPrefix(errs.Quoted(bare(e.err)), "handshake: "))
}

func (e *handshakeError) Unwrap() error { return errs.Seal(errs.Of(e.err), e.err) }

// bare is err's text without our prefix, for use inside another error.
func bare(err error) string {
	if err == nil {
		return "unknown reason"
	}
	return strings.ReplaceAll(err.Error(), prefix, "")
}

// handshakeCause replaces the error of a carrier that the handshake has closed. That
// is so when the time was up or the context ended.
func handshakeCause(ctx context.Context, timeout time.Duration, err error) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return err
	case cause == errHandshakeTimeout:
		return fmt.Errorf("gantline: handshake not finished within %v: %w", timeout, context.DeadlineExceeded)
	}
	return cause
}

var errHandshakeTimeout = errors.New("gantline: handshake timeout")
