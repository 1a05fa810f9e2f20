// Package methods knows which methods each side handles. It has the tables of this side's handlers, tells the peer their
// names, and knows the peer's. It knows nothing of Ends, connections and what a handler is.
//
// # Usage
//
// Handlers are those that were registered in one place, such as an End, and are found without a lock:
//
//	t.Set(&methods.Route[H]{Name: "m", Handler: h})
//	r := t.Find(name, shared) // nil = nobody takes it
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
// Any goroutine may call any method of Handlers, which call middleware under their lock. A route that was found does not
// change any more.
//
// Any goroutine may call any method of an Announcer, but for Init, which comes first. It looks at the tables and sends on
// a goroutine of its own, which lives while there is something to look at and is not started any more once ctx is done;
// Wait waits for it. A Mirror has no lock: it belongs to one goroutine at a time.
//
// # Errors
//
// There are none. An announcement that makes no sense changes nothing, and names beyond MaxMirrored are ignored.
package methods
