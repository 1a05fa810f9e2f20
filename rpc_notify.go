package gantline

import (
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
	var kept flight.Owner
	if e.line.Renews() && st.ses == nil {
		kept = e.line.Unsent(&e.line.Notifies, &open, method, body)
	}
	for s := st.session(); ; {
		if kept != nil {
			if s, err = e.caughtUp(ctx, s, notifiesOf, method); err != nil {
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

// startNotify sends a notify that was checked. kept, if any, learns its outcome. The error is the session's.
func (e *End) startNotify(ctx context.Context, s *session, open *mux.Open, body []byte, kept flight.Owner) error {
	return flight.New(kept).Start(ctx, s.Mux, open, body)
}
