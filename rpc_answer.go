package gantline

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// answer sends what the handler returned.
func (sv *serving) answer(body []byte, err error) {
	if sv.notify() {
		if err != nil {
			sv.end.logger().Warn("gantline: notify handler failed", "method", sv.req.Method, "error", err)
		}
		return
	}
	if err == nil {
		err = sv.end.checkAnswer(len(body))
	}
	var head *frame.Head
	if err != nil || len(sv.req.reply) > 0 {
		if head = sv.head(err); head.Code != OK {
			body = nil
		}
	}
	if sv.ms != nil {
		sv.req.cs.finish(head)
		return
	}
	sv.reply(head, body)
}

// head is how an answer with an error or metadata begins.
func (sv *serving) head(err error) *frame.Head {
	h := headOf(err)
	block, err := appendMetadata(nil, sv.req.reply)
	if err != nil {
		h, block = headOf(errorf(Internal, "reply metadata: %s", cleanText(err))), nil
	}
	h.Metadata = block
	return &h
}

// reply ends the exchange, without waiting on the reader goroutine.
func (sv *serving) reply(head *frame.Head, body []byte) {
	if !sv.inline {
		// Waits end with the session, and when the caller gives up.
		_ = sv.x.Reply(context.Background(), head, body)
		return
	}
	if sv.x.TryReply(head, body) {
		return
	}
	sv.end.handlerStarted()
	go func() { // ends as Reply does
		defer sv.end.handlerDone()
		_ = sv.x.Reply(context.Background(), head, body)
	}()
}

// refuse answers a call that no handler runs for, at once. Reader goroutine.
func (sv *serving) refuse(code Code, text string) {
	if !sv.claimed.CompareAndSwap(false, true) {
		return
	}
	sv.finish()
	if sv.ms != nil {
		_ = sv.ms.Reset(code, text)
		sv.leaveQueues()
		return
	}
	if sv.notify() {
		sv.end.logger().Debug("gantline: notify dropped", "method", sv.req.Method, "reason", text)
	}
	sv.end.refuse(sv.x, code, text)
	sv.leaveQueues()
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
