// Package inbox holds messages that nobody has yet. Each Taker has a queue and a goroutine that works through it; what
// no Taker takes waits for Receive, and not for ever. All queues are in the order in which the messages were sent.
//
// The message at the front of a queue may still be arriving: it holds back the later ones of its queue, and no other
// queue. The sender goes on with a body once it is wanted, and that is when it is among the first few of a queue that
// somebody works through.
//
// # Usage
//
// An Item is a part of each message, so that queueing allocates nothing. The owner of an Inbox is its Room: it knows
// whose a message is.
//
//	in.Init(room, inbox.Limits{Messages: 1024, Bytes: 16 << 20})
//	m.item.Init(m, len(body), true)
//	in.Lock()
//	full := in.PutLocked(&m.item, room.TakerLocked(m))
//	in.Unlock()
//
// Ready says that a body has arrived, Drop that the sender has given the message up, EndLocked that no more come.
//
// # Concurrency
//
// Any goroutine may call any method; names that end in Locked need the Inbox's lock, which the Room may use for what
// it keeps itself. PutLocked, Ready, Drop and Unlock never wait for a consumer, so a goroutine that reads a connection
// may call them. Unlock asks for the bodies that became wanted while the lock was held, without the lock.
//
// A Taker's goroutine lives while there is work, and ends by itself. The timer for what nobody claims only looks, so
// nobody stops it.
//
// # Errors
//
// Receive returns ErrGaveUp when its context ends, and the error of EndLocked once nothing is left to receive.
package inbox
