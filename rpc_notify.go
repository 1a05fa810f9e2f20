package gantline

import (
	"context"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/internal/sessions"
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
	var kept *sessions.Unsent
	if e.line.Renews() && st.ses == nil {
		kept = e.line.Unsent(&e.line.Notifies, &open, method, body)
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

// startNotify sends a notify that was checked. kept, if any, is sent in the next session when this one ends before the
// peer may have it. The error is the session's.
func (e *End) startNotify(ctx context.Context, s *session, open *mux.Open, body []byte, kept *sessions.Unsent) error {
	if kept != nil {
		return kept.Start(ctx, s, open, body)
	}
	return flight.New(nil).Start(ctx, s.Mux, open, body)
}
