// Package routes tries several ways to a peer and takes the first that leads to one. It knows nothing of the protocol:
// whoever uses it says what a handshake is and what its failure means.
//
// # Usage
//
// A Set is what there is to try. Package client makes one. Where a net.Conn is expected it stands for a connection that is
// still to be made, so that the handshake can decide which one that is:
//
//	set := &routes.Set{Routes: ways, Named: find}
//
// A Race tries them, and makes a T of what it finds:
//
//	race := routes.Race[*conn.Link]{After: after, Shake: shake, Judge: judge, Discard: discard}
//	link, err := race.Go(ctx, set)
//
// The routes are tried in order. The next one begins when one has failed, or beside it when one has been silent for After.
// Two at most are under way at once.
//
// # Concurrency
//
// Go runs each attempt on a goroutine of its own. Most have ended when it returns. It leaves two kinds, which count in
// Race.Rest: a dial that does not honour its context, and a handshake that finishes only to be discarded.
// The application's code, which is Route.Dial, runs within Race.Run. Judge is called on Go's goroutine. A Set belongs to
// one Go at a time.
//
// # Errors
//
// Go returns *Failed when no route has led anywhere, with the reason of each, or the one error that Judge let decide.
package routes
