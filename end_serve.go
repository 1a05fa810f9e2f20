package gantline

import (
	"context"
	"fmt"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/mux"
)

// A room is what rpc or messager keeps of an End. The End calls it when its own life goes on, and knows nothing else of it.
type room interface {
	// attach is called with the first session, before Setup runs.
	attach(s *session)
	// begin is called when a session's peer is heard, or about to be.
	begin(s *session)
	// lost is called when the session is lost and another one is to come.
	lost()
	// over is called once: there will be no more sessions.
	over()
	// wait waits for the room's goroutines. The End is over.
	wait()
}

// exchange is what mux.Incoming.Value holds: it learns of the rest of an exchange that the peer opened.
type exchange interface {
	ready(x *mux.Incoming)             // the body is complete; not called when it was from the start
	cancel(x *mux.Incoming, err error) // reset by the peer, or the session is gone; may come before ready
}

// refuse answers x with an error, or with nothing if it wants no answer. It does not block.
func (e *End) refuse(x *mux.Incoming, code Code, text string) {
	if x.Kind == frame.KindNotify || x.Kind == frame.KindUnackedMessage {
		e.answer(x, nil, nil)
		return
	}
	e.answer(x, &frame.Head{Code: code, Text: text}, nil)
}

// answer ends an exchange of the peer's without blocking, so that the reader goroutine may call it.
func (e *End) answer(x *mux.Incoming, head *frame.Head, body []byte) {
	if x.TryReply(head, body) {
		return
	}
	// The log is full, or the caller's credit spent. The goroutine ends when there is room, or with the session; there
	// are at most as many as calls that the peer may have open, of Inline handlers.
	go func() { _ = x.Reply(context.Background(), head, body) }()
}

// recovered logs a panic of the application's code and makes it an error; with Config.Repanic it panics on.
func (e *End) recovered(what, name string, v any) error {
	e.log.Panicked(what, v, "name", name, "peer", e.PeerID())
	if e.cfg.Repanic {
		panic(v)
	}
	text, ok := v.(string) // which Sprint would copy, however long it is
	if !ok {
		text = fmt.Sprint(v)
	}
	return errorf(Internal, "%s panicked: %s", what, errs.Clip(text))
}

// Config's parts as the rest of the package asks for them.

func (e *End) handlerStarted() { e.running.Add(1) }
func (e *End) handlerDone()    { e.running.Add(-1) }

// checkBody refuses a body that the peer would.
func (e *End) checkBody(name string, n int) error {
	if limit := e.session().Link.Peer().Limits.Body; n > int(limit) {
		return errorf(ResourceExhausted, "body of %d bytes is over the peer's limit of %d: raise Limits.Body in the peer's Config, or use a stream", n, limit).named(name)
	}
	return nil
}

// checkAnswer is checkBody for what a handler returned.
func (e *End) checkAnswer(n int) error {
	if limit := e.session().Link.Peer().Limits.Body; n > int(limit) {
		return errorf(ResourceExhausted, "answer of %d bytes is over the caller's limit of %d: raise Limits.Body in the caller's Config, or use a streaming call", n, limit)
	}
	return nil
}
