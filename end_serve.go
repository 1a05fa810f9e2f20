package gantline

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// exchange is what mux.Incoming.Value holds: who is told about the rest of an exchange the peer opened.
type exchange interface {
	ready(x *mux.Incoming)             // the body is complete; not called when it was from the start
	cancel(x *mux.Incoming, err error) // reset by the peer, or the session is gone; may come before ready
}

// refuse answers x with an error, without waiting for room.
func (e *End) refuse(x *mux.Incoming, code Code, text string) {
	head := &frame.Head{Code: code, Text: text}
	if x.Kind == frame.KindNotify || x.Kind == frame.KindUnackedMessage {
		head = nil
	}
	if !x.TryReply(head, nil) {
		go func() { _ = x.Reply(context.Background(), head, nil) }() // ends when there is room, or with the session
	}
}

// recovered logs a panic of the application's code and makes it an error; with Config.Repanic it panics on.
func (e *End) recovered(what, name string, v any) error {
	e.logger().Error("gantline: "+what+" panicked", "name", name, "peer", e.PeerID(), "panic", v, "stack", string(debug.Stack()))
	if e.cfg.Repanic {
		panic(v)
	}
	return errorf(Internal, "%s panicked: %s", what, clip(fmt.Sprint(v)))
}

// answer ends an exchange of the peer's without blocking, so that the reader goroutine may call it.
func (e *End) answer(x *mux.Incoming, head *frame.Head) {
	if x.TryReply(head, nil) {
		return
	}
	// The log is full. The goroutine ends when there is room or the End is over; there are at most as
	// many as unacked messages.
	go func() { _ = x.Reply(e.ctx, head, nil) }()
}

// startError is the error of a call that was not sent.
func (e *End) startError(ctx context.Context, err error, method string) error {
	if ctx.Err() != nil && !errors.Is(err, ErrNotSent) {
		return contextError(ctx, method)
	}
	return e.exchangeError(err, false, method)
}
