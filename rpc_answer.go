package gantline

import (
	"context"

	"github.com/gantline-project/gantline/frame"
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
	if !sv.Inline {
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
