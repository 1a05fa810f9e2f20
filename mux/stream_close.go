package mux

import (
	"context"

	"github.com/gantline-project/gantline/frame"
)

// CloseWrite ends this side's direction. The peer reads io.EOF after everything written. CloseWrite waits for a
// Write in progress.
func (st *Stream) CloseWrite() error { return st.CloseWriteHead(nil) }

// CloseWriteHead is CloseWrite with a trailer, which ends a streaming call's answer.
func (st *Stream) CloseWriteHead(h *frame.Head) error {
	var trailer []byte
	if h != nil {
		trailer = frame.AppendHead(nil, h)
		if frame.HeadLen(h) == 2 {
			trailer = trailer[:0] // plain OK needs no block
		}
	}
	_, err := st.flow.write(context.Background(), nil, true, trailer, nil)
	if err == nil {
		return nil
	}
	st.s.l.Lock()
	defer st.s.l.Unlock()
	if st.stopped != nil && !st.sentEnd && st.servedLocked() {
		st.s.oweLocked(&st.flow, oweFin) // only now is the call's slot free
	}
	if (st.sentEnd || st.owe&oweFin != 0 || st.stopped != nil) && st.closed == nil && st.s.life.gone == nil {
		return nil // ended already, by CloseWrite or because the peer wants no more
	}
	return err
}

// CloseRead says that this side reads no more. What is buffered is dropped, and the peer's writes fail.
func (st *Stream) CloseRead() error {
	st.dropRecv(errReadClosed)
	s := st.s
	s.l.Lock()
	defer s.l.Unlock()
	if !st.recvEnd && s.life.gone == nil {
		s.oweLocked(&st.flow, oweStop)
	}
	return nil
}

// Close ends both directions. Everything written still reaches the peer; what it sends is dropped, and its writes
// fail. Blocked calls return net.ErrClosed. Close does not wait for the peer and may be repeated.
func (st *Stream) Close() error {
	st.closeWith(errClosed, func(s *Session) {
		if !st.sentEnd {
			s.oweLocked(&st.flow, oweFin)
		}
		if !st.recvEnd {
			s.oweLocked(&st.flow, oweStop)
		}
	})
	return nil
}

// Reset ends both directions at once. The peer's calls fail with a *StreamError of this code and text, of which
// at most frame.MaxText bytes are sent. What was not sent or not read yet is dropped.
func (st *Stream) Reset(code frame.Code, text string) error {
	st.closeWith(&StreamError{Code: code, Message: text}, func(s *Session) {
		if !st.sentEnd || !st.recvEnd {
			s.oweResetLocked(&st.flow, code, text)
		}
	})
	return nil
}

func (st *Stream) closeWith(err error, say func(*Session)) {
	s := st.s
	s.l.Lock()
	if st.closed == nil {
		st.closed = err
		st.wakeWritersLocked()
		if s.life.gone == nil {
			say(s)
		}
	}
	st.wdl.stopLocked()
	s.l.Unlock()
	st.dropRecv(err)
}

// Done returns a channel that is closed when both directions have ended or the session is gone.
func (st *Stream) Done() <-chan struct{} {
	s := st.s
	s.l.Lock()
	defer s.l.Unlock()
	if st.done == nil {
		st.done = make(chan struct{})
		if s.life.gone != nil || st.sentEnd && st.recvEnd {
			close(st.done)
		}
	}
	return st.done
}

// finishedLocked closes Done's channel. Send lock held.
func (st *Stream) finishedLocked() {
	if st.done != nil {
		select {
		case <-st.done:
		default:
			close(st.done)
		}
	}
	st.wdl.stopLocked()
	st.announceEndLocked()
}

// announceEndLocked calls the acceptor's EndStream, once.
func (st *Stream) announceEndLocked() {
	if !st.endAnnounced {
		st.endAnnounced = true
		err := st.s.life.gone
		for _, why := range []error{st.closed, st.stopped} {
			if reset, ok := why.(*StreamError); ok && err == nil {
				err = reset
			}
		}
		st.s.acc.EndStream(st, err)
	}
}

// servedLocked reports whether st is a streaming call of the peer's. Its handler ends our direction when it returns. A
// peer that could free the slot before, by RESET or STOP, would start handlers without end.
func (st *Stream) servedLocked() bool { return st.kind == frame.KindStreamingCall && !st.own }

// announceServedEndLocked lets a handler learn at once that its peer wants and sends nothing more.
func (st *Stream) announceServedEndLocked() {
	if st.servedLocked() && st.recvEnd && st.stopped != nil {
		st.announceEndLocked()
	}
}
