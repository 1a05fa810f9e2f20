package gantline

import (
	"context"
	"errors"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/mux"
)

// call is Call.
func (st *Stream) call(ctx context.Context, method string, body []byte, opts []CallOption) ([]byte, error) {
	o := newCallOptions(opts)
	open, err := st.describe(ctx, "Call", frame.KindCall, method, len(body), o)
	if err != nil {
		return nil, err
	}
	s, sent := st.session(), false
	for {
		answer, err := st.end.callOn(ctx, s, &open, body, o)
		if err = knownOf(err, sent); err == nil || !o.repeats(err) {
			return answer, err
		}
		sent = errors.Is(err, ErrUnknownOutcome)
		if s, err = st.again(ctx, s, err, &open, method); err != nil {
			return nil, err
		}
	}
}

// repeats reports whether a call that failed with err may be made again in another session.
func (o *callOptions) repeats(err error) bool {
	return errors.Is(err, ErrNotSent) || o != nil && o.idempotent && errors.Is(err, ErrUnknownOutcome)
}

// callOn is call on one session.
func (e *End) callOn(ctx context.Context, s *session, open *mux.Open, body []byte, o *callOptions) ([]byte, error) {
	f := e.flights.Waiter()
	if err := f.Start(ctx, s.Mux, open, body); err != nil {
		return nil, e.startError(ctx, err, open.Name)
	}
	if awaitAnswer(ctx, f) && f.Err != nil {
		err := gaveUp(ctx, &f.Exchange, false, open.Name)
		f.Release()
		return nil, err
	}
	answer, err := e.result(&f.Exchange, open.Name, o)
	f.Release()
	return answer, err
}

// awaitAnswer waits for the answer, and reports whether ctx ended before.
func awaitAnswer(ctx context.Context, f *flight.Flight) (gaveUp bool) {
	if sv, ok := ctx.(*serving); ok && sv.Hold(&f.Exchange) {
		f.Await()
		sv.LetGo()
		return f.Err != nil && sv.Err() != nil
	}
	return f.Wait(ctx)
}

// describe checks a call of st and fills in what its OPEN says.
func (st *Stream) describe(ctx context.Context, op string, kind frame.Kind, method string, size int, o *callOptions) (open mux.Open, err error) {
	e := st.end
	depth, err := e.enter(ctx, op, method, op == "Call")
	if err != nil {
		return open, err
	}
	if e.line.Draining() && depth == 0 {
		return open, shuttingDown(method)
	}
	if depth > mux.MaxDepth {
		return open, errorf(ResourceExhausted, "calls are nested deeper than %d: does a handler call back in a circle?", mux.MaxDepth).named(method)
	}
	if method == "" || method[0] == ':' || len(method) > frame.MaxName {
		return open, methodError(method)
	}
	if err := e.checkBody(method, size); err != nil {
		return open, err
	}
	open = mux.Open{Kind: kind, Depth: depth, Parent: st.ID(), Name: method, NoWait: e.cannotWait()}
	if deadline, ok := ctx.Deadline(); ok {
		open.Timeout = time.Until(deadline)
		if open.Timeout <= 0 {
			return open, (&Error{Code: DeadlineExceeded, Method: method, cause: context.DeadlineExceeded}).with(ErrNotSent)
		}
	}
	if o != nil {
		if o.codec != nil {
			open.Codec = o.codec.ID()
		}
		open.Metadata, err = appendMetadata(nil, o.metadata)
	}
	return open, err
}

// result takes the outcome of a completed exchange.
func (e *End) result(x *mux.Exchange, method string, o *callOptions) ([]byte, error) {
	if x.Err != nil {
		return nil, e.exchangeError(x.Err, x.Sent, method)
	}
	if o != nil && o.reply != nil {
		*o.reply = parseMetadata(x.Head.Metadata)
	}
	if x.Head.Code != OK {
		return nil, errorOf(&x.Head, method)
	}
	return x.Body, nil
}
