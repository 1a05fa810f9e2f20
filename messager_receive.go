package gantline

import (
	"context"
	"iter"
)

// Receive returns the next message published to this scope that no subscription takes, in the order they were
// published, and waits for one until ctx ends. Settle each with Ack or Nack: until then it counts in the
// receive maximum, Limits.Messages, where the publisher stops. Several goroutines may call it.
//
// When the scope is over, messages that had arrived are still returned, though their Ack fails; then an error
// that satisfies net.ErrClosed for a closed End or stream, or ErrSessionLost. When ctx ends the error
// satisfies its error. Inside Config.Setup, and with the context of an Inline handler, Receive fails at once.
//
// A message that nobody claims is nacked with Unimplemented after 10 s unless Receive was called on the scope
// before. Where there are subscriptions too, unclaimed messages may hold half of the receive maximum; what
// comes beyond is nacked at once, unless Receive is called at least every 10 s.
func (st *Stream) Receive(ctx context.Context) (*Message, error) {
	sc := st.messageScope()
	if err := sc.end.mayWait(ctx, "Receive", ""); err != nil {
		return nil, err
	}
	if sc.end.plain {
		return nil, unsupported("Receive", "")
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx, "")
	}
	for {
		m, err := sc.receive(ctx)
		if err != nil {
			return nil, err
		}
		if m.duplicate() {
			continue
		}
		m.handOut()
		return m, nil
	}
}

// Messages is Receive in a loop: it yields message after message, and ends after it has yielded an error.
func (st *Stream) Messages(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for {
			m, err := st.Receive(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}
