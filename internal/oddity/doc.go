// Package oddity counts what costs a peer nothing to send, and says when it has sent too much of it.
//
// # Usage
//
// A link has one Budget. Whoever finds a frame that changes nothing says what it was:
//
//	if err := budget.Spend(oddity.Odd, "PONG without a PING", now); err != nil {
//		return err // a protocol error: the link ends with it
//	}
//
// Odd is what no correct peer sends. Cheap is what a correct peer sends now and then. Most frames without effect are legal:
// they were on their way when a stream ended. A peer can send no more of them than it got frames, so an Allowance
// lets so many pass and has the budget charged for the rest.
//
// # Concurrency
//
// The reader goroutine of a link uses both. Count may be called from any goroutine.
//
// # Errors
//
// Spend returns an error with code ResourceExhausted that names the limit, its value and the last frame. It does so for
// every further one, too, until the window is over.
package oddity
