// Package methods tells a peer which methods this side handles, and knows which the peer does. It knows nothing of Ends
// and connections.
//
// # Usage
//
// An Announcer belongs to a Side, which has the tables of handlers and can send. It begins when the peer asks:
//
//	a.Init(ctx, side)
//	a.Announce(session) // all names now, and every change
//	...
//	a.Stop() // until a session asks again
//
// A Mirror takes what an Announcer has sent at the other side:
//
//	fits := m.Update(body, func(name string, added bool) { ... })
//
// # Concurrency
//
// Any goroutine may call any method of an Announcer, but for Init, which comes first. It looks at the tables and sends on
// a goroutine of its own, which lives while there is something to look at and is not started any more once ctx is done;
// Wait waits for it. A Mirror has no lock: it belongs to one goroutine at a time.
//
// # Errors
//
// There are none. An announcement that makes no sense changes nothing, and names beyond MaxMirrored are ignored.
package methods
