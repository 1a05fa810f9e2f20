// Package flight follows an exchange of ours from its start to its outcome. That is a call, notify or message that this side
// opens. It knows mux, and nothing of Ends, methods or topics.
//
// # Usage
//
// Somebody waits for the outcome:
//
//	f := pool.Waiter()
//	if err := f.Start(ctx, session, &open, body); err != nil {
//		return err // start f again on another session, or forget it
//	}
//	gaveUp := f.Wait(ctx)
//	... f.Err, f.Head, f.Body ...
//	f.Release()
//
// Or nobody does, and an Owner learns it. A Watch gives the flight up when its context ends:
//
//	f := flight.New(owner)
//	f.Watch = &watch
//	return f.Start(ctx, session, &open, body)
//
// # Concurrency
//
// A flight belongs to whoever made it until Start has returned. A waiter belongs to it until Release; any other is the
// package's from then on, which uses it again when the session, its starter and whoever was cancelling it are done with it.
// An Owner that runs user code says so with User, and the link learns when that runs on the goroutine that reads it.
//
// Pool, Watch and Buffer may be used from any goroutine. A Watch has one registration for all flights under the context
// used last, and no goroutine.
//
// A channel must not leave the synctest bubble that it was made in. So flights with one stay in the Pool of their End,
// and the others are shared by the process.
//
// # Errors
//
// They are mux's. A flight that was given up has a *mux.StreamError with the code DeadlineExceeded or Canceled.
package flight
