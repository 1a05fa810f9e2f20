package gantline

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/gantline-project/gantline/mux"
)

// startNotify sends a notify that was checked. kept is sent again in the next session when this one ends before
// the notify was handed to a carrier; nil = it is not.
func (e *End) startNotify(ctx context.Context, s *session, open *mux.Open, body []byte, kept *note) error {
	n := e.rpc().notices.get(newNotice)
	n.e, n.kept = e, kept
	if err := s.Mux.Start(ctx, &n.Exchange, open, body); err != nil {
		n.kept = nil
		e.rpc().notices.put(n, &n.Exchange)
		return e.startError(ctx, err, open.Name)
	}
	n.step()
	return nil
}

// notice is a Notify in progress. It goes back to its End when both Start has returned and the peer has
// taken it.
type notice struct {
	mux.Exchange
	e     *End
	kept  *note
	steps atomic.Int32
}

func newNotice() *notice {
	n := new(notice)
	n.Sink = n
	return n
}

// Complete is called when the peer has begun to handle the notify, or will not.
func (n *notice) Complete(x *mux.Exchange) {
	if n.kept != nil && x.Err != nil && !x.Sent && errors.Is(x.Err, ErrSessionLost) && n.e.ctx.Err() == nil {
		n.e.line.Notifies.Add(x.ID(), n.kept) // nobody hears when the End is over
	}
	n.kept = nil
	n.step()
}

func (n *notice) step() {
	if n.steps.Add(1) == 2 {
		n.steps.Store(0)
		n.e.rpc().notices.put(n, &n.Exchange)
	}
}

// note is a notify that outlives its session until a carrier has it.
type note struct {
	e    *End
	open mux.Open
	body []byte
}

// Send implements sessions.Resendable. What the peer refuses is gone, as with any notify.
func (n *note) Send(s *session) bool {
	err := n.e.startNotify(n.e.ctx, s, &n.open, n.body, n)
	return err == nil || !n.e.lostOn(s, err)
}

// Drop implements sessions.Resendable.
func (n *note) Drop(error) {}

// Waits implements sessions.Resendable.
func (n *note) Waits() bool { return true }
