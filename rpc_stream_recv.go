package gantline

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// Recv waits for the next message, which is the caller's to keep. io.EOF is the good end: on the caller's side
// the handler has returned nil, on the handler's side the caller has called CloseSend. Everything else is an
// *Error: what the handler returned, ctx's (Recv may then be called again and loses nothing),
// ResourceExhausted (a message over Limits.Body), or why the call or the End is over. An end is final.
func (cs *CallStream) Recv(ctx context.Context) ([]byte, error) {
	if err := cs.mayWait(ctx, "CallStream.Recv"); err != nil {
		return nil, err
	}
	if err := cs.recvTurn.lock(ctx, cs.method); err != nil {
		return nil, err
	}
	defer cs.recvTurn.unlock()
	if cs.over != nil {
		return nil, cs.over
	}
	_, err := cs.bounded(ctx, cs.ms.SetReadDeadline, cs.read)
	if err == nil {
		msg := cs.body
		cs.body, cs.inBody = nil, false
		return msg, nil
	}
	return nil, cs.recvError(ctx, err)
}

// read goes on with the message under way until it is whole.
func (cs *CallStream) read() (int, error) {
	if cs.in == nil {
		cs.in = bufio.NewReaderSize(cs.ms, 4<<10)
	}
	for cs.headerN < messageHeader && !cs.inBody {
		n, err := cs.in.Read(cs.header[cs.headerN:])
		if cs.headerN += n; err != nil {
			return n, err
		}
	}
	if !cs.inBody {
		n := int(binary.BigEndian.Uint32(cs.header[:]))
		if limit := cs.end.cfg.Limits.Body; n > limit {
			return 0, errorf(ResourceExhausted, "%s", tooLong(n, limit)).named(cs.method)
		}
		cs.inBody, cs.headerN, cs.missing = true, 0, n
		cs.body = make([]byte, 0, min(n, firstPart))
	}
	for cs.missing > 0 {
		if len(cs.body) == cap(cs.body) { // as much again: a peer that only announces costs little
			grown := make([]byte, len(cs.body), len(cs.body)+min(cs.missing, len(cs.body)))
			copy(grown, cs.body)
			cs.body = grown
		}
		n, err := cs.in.Read(cs.body[len(cs.body):cap(cs.body)])
		cs.body = cs.body[:len(cs.body)+n]
		if cs.missing -= n; err != nil {
			return n, err
		}
	}
	return len(cs.body), nil
}

// recvError turns an error of read into Recv's, and remembers it when the call is over.
func (cs *CallStream) recvError(ctx context.Context, err error) error {
	var own *Error
	switch {
	case errors.As(err, &own):
		_ = cs.ms.Reset(own.Code, own.Message)
	case err == io.EOF:
		err = cs.result()
	default:
		if err = cs.failure(ctx, err); err == io.EOF { // closed here
			err = errorf(FailedPrecondition, "Recv after the handler has returned").named(cs.method)
		}
		if ctx.Err() != nil && cs.ctx.Err() == nil {
			return err // only this wait is over
		}
	}
	cs.over = err
	if !cs.serving {
		cs.release()
	}
	return err
}

// result is how the call ended, now that all messages have come.
func (cs *CallStream) result() error {
	head, cut := cs.ms.Head(), cs.inBody || cs.headerN > 0
	switch {
	case head == nil && cs.ctx.Err() != nil: // the peer's answer to our reset may be read before the reset
		return contextError(cs.ctx, cs.method)
	case head == nil && cs.gaveUp.Load():
		return &Error{Code: Canceled, Method: cs.method}
	case head != nil && cs.opts != nil && cs.opts.reply != nil:
		*cs.opts.reply = parseMetadata(head.Metadata)
	}
	if err := errorOf(head, cs.method); err != nil {
		return err
	}
	switch {
	case cut:
		return errorf(DataLoss, "the last message was cut short").named(cs.method)
	case head == nil && !cs.serving:
		return errorf(Internal, "the peer ended the call without a result").named(cs.method)
	}
	return io.EOF
}
