// Package settle takes messages out of an outbox once they are settled. It also lets one at a time use an outbox for a
// peer, until all that is settled has left it. It knows nothing of Ends, messages and what an outbox is.
//
// # Usage
//
// A Settler belongs to a Host, which knows how to take a batch out and whom to tell:
//
//	s := settle.New(host)
//	err := s.Claim(ctx, &outboxes, outbox, peer, busy) // waits for the one that has it
//	s.Add(message) // the Host's Settle has it soon
//	...
//	s.End()  // the claim ends when all is settled
//	s.Wait() // for that
//
// A nil Settler may be ended and waited for.
//
// # Concurrency
//
// Any goroutine may call any method. Add does not block. The Host's Settle is called for one batch after the other, on a
// goroutine that lives only while there are some; it may take as long as it likes.
//
// # Errors
//
// Claim returns its context's error, that of busy, or ErrEnded. What the outbox says is between it and the Host.
package settle
