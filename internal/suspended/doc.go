// Package suspended bounds what waits for its peer to come back, as sessions without a connection do.
//
// # Usage
//
//	p := suspended.New(limits, look, drop)
//	p.Update(v) // v has lost its peer, or has it back: look says which
//	p.Remove(v) // v is over
//
// Whoever holds too much is a source: an address, for instance. Values that have done nothing go first, and wait a shorter
// time if their source has more than a few. The Pool decides what goes like this:
//
//   - more of one source than Limits.PerSource: that source's oldest;
//   - more than Limits.Count: the oldest of the source that has most which did nothing or, if there are none, that has most;
//   - more bytes than Limits.Bytes: the largest of the source that holds most bytes;
//   - of one source, more than Limits.Few that did nothing: its oldest of these, Limits.Idle later.
//
// What a value holds may change while it waits, so the Pool looks at each of them again once a second.
//
// An event costs O(log n), whatever the Pool holds. A look at all is in steps, between which others get in.
//
// # Concurrency
//
// All methods may be called from any goroutine. Look is called with the Pool's lock held, so what it says last is what
// counts, however calls of Update overtake each other. It must not block or call the Pool. Drop is called with no lock
// held, on the goroutine of an Update or of a timer. There are no goroutines else, and no timer while the Pool is empty.
//
// # Errors
//
// There are none. Drop is called with the limit that was hit.
package suspended
