// Package backlog keeps values that wait to be accepted, by name. There is a queue for each name that somebody claims,
// and one for the rest. It knows nothing of streams.
//
// # Usage
//
//	var b backlog.Backlog[*Stream]     // the zero value is ready
//	b.Put(st)                          // to those that claim st.Name(), else to the rest
//	q := b.Claim("http")               // takes over what waits under the name
//	st, err := b.Take(ctx, q, closed)  // waits for the next one
//	b.Release("http")                  // the last claim: what is left goes to the rest
//	b.End(err, false)                  // no more come; what waits can still be taken
//
// # Concurrency
//
// All methods may be called from any goroutine. Put and Remove never wait. One lock guards a Backlog with all its queues.
//
// # Errors
//
// Take returns the context's error, ErrReleased when its claim was given up meanwhile, or what End was called with.
package backlog
