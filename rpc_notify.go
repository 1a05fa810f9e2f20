package gantline

import (
	"bytes"
	"context"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/mux"
)

// notify is Notify.
func (st *Stream) notify(ctx context.Context, method string, body []byte, opts []CallOption) error {
	e := st.end
	open, err := st.describe(ctx, "Notify", frame.KindNotify, method, len(body), newCallOptions(opts))
	if err != nil {
		return err
	}
	open.Timeout = 0
	var kept *keptNotify
	if e.line.Renews() && st.ses == nil {
		kept = &keptNotify{e: e, open: open, body: bytes.Clone(body)}
		kept.open.NoWait = false
	}
	for s := st.session(); ; {
		if kept != nil {
			if s, err = e.caughtUp(ctx, s, notifiesOf, open.Depth, method); err != nil {
				return err
			}
		}
		if err = e.startNotify(ctx, s, &open, body, kept); err == nil {
			return nil
		}
		if s, err = st.again(ctx, s, err, &open, method); err != nil {
			return e.startError(ctx, err, method)
		}
	}
}

// startNotify sends a notify that was checked. kept is sent again in the next session when this one ends before
// the notify was handed to a carrier; nil = it is not. The error is the session's.
func (e *End) startNotify(ctx context.Context, s *session, open *mux.Open, body []byte, kept *keptNotify) error {
	var owner flight.Owner
	if kept != nil {
		owner, kept.ses = kept, s
	}
	return flight.New(owner).Start(ctx, s.Mux, open, body)
}

// keptNotify is a notify that outlives its session until a carrier has it.
type keptNotify struct {
	e    *End
	open mux.Open
	body []byte
	ses  *session // on which it was sent last
}

// Outcome implements flight.Owner: the peer has begun to handle the notify, or will not.
func (n *keptNotify) Outcome(f *flight.Flight) {
	if ln := n.e.line; f.Err != nil && !f.Sent && ln.LostOn(n.ses, f.Err) && n.e.ctx.Err() == nil {
		ln.AddLost(&ln.Notifies, n.ses, f.ID(), n) // nobody learns of it when the End is over
	}
}

// Send implements sessions.Resendable. What the peer refuses is gone, as with any notify.
func (n *keptNotify) Send(s *session) bool {
	err := n.e.startNotify(n.e.ctx, s, &n.open, n.body, n)
	return err == nil || !n.e.line.LostOn(s, err)
}

// Drop implements sessions.Resendable.
func (n *keptNotify) Drop(error) {}

// Waits implements sessions.Resendable.
func (n *keptNotify) Waits() bool { return true }
