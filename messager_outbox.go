package gantline

import (
	"time"

	"github.com/gantline-project/gantline/internal/errs"
)

// ErrKept says that an End is over and that its Outbox still has the message. The next End for the same peer publishes
// it again, marked as redelivered; do not do so yourself. A message whose Publish failed without ErrKept has left the
// Outbox.
var ErrKept = errs.New(Unknown, "gantline: kept in the outbox")

// Outbox keeps messages so that they outlive their End and the process: see Config.Outbox. Package outbox has one
// in a file. Methods are called from many goroutines, and may block. Pending, and Forget for what the peer has answered,
// run on goroutines of the End's: what would wait for the peer fails inside them.
//
// Messages of an End's own scope that are to be acked are kept. Those sent with NoAck or to another Stream are not; they
// end with it. A message is kept from before it is first handed to a link until it is settled: acked, nacked, refused,
// or withdrawn because the context of its Publish has ended, which the caller knows. Publish returns nil once Forget
// has returned. The end of the End, by Close, Shutdown or a lost session, and that of the process settle nothing:
// Publish, if it still can, returns an error that is ErrKept. The deadline of the context is not kept.
//
// An End begins with what the Outbox has for its peer, oldest first, under the old ids and marked as redelivered.
// What is published meanwhile is sent after that. Nobody waits for the old messages: see Config.OnKept.
//
// A server knows its peers by End.PeerID, so all its Ends can share one Outbox. Clients then need a Config.ID: messages
// to a peer that claimed no id are not kept. A client knows its server as "". For one peer only one End of the process
// uses the Outbox at a time: a second client End is refused with FailedPrecondition; on a server the messages of a
// second End wait until the first is over. An Outbox whose values cannot be compared with == is not watched like that.
type Outbox interface {
	// Keep stores m, and returns when it is as safe as the Outbox promises. An error fails Publish, with its
	// Code or else Unavailable. m and what it points to must not be used later. If the Outbox has the id for the
	// peer already it is the same message, and there is nothing to do.
	Keep(peer string, m *KeptMessage) error
	// Forget removes messages and returns when that is as safe as the Outbox promises. Ids that it does not have
	// are no error.
	Forget(peer string, ids ...MessageID) error
	// Pending returns what is kept for peer, in the order of Keep. The messages are the caller's.
	Pending(peer string) ([]*KeptMessage, error)
}

// KeptMessage is a message in an Outbox.
type KeptMessage struct {
	ID       MessageID // the one it is published under
	Topic    string    // as given to Publish
	Metadata Metadata  // nil when the publisher gave none
	Codec    uint8     // id of the Codec that wrote Body; 0 = none did
	Body     []byte    // not changed by anybody
	At       time.Time // when it was published
}
