package gantline

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/internal/dedup"
	"github.com/gantline-project/gantline/internal/errs"
)

// MessageID names a message and all its copies. A copy that is published again has the same one, so a receiver that
// remembers ids can tell that it is a copy. It is 8 random bytes per process and a counter, hence unique over restarts
// of the publisher.
type MessageID [16]byte

// messageIDs is this process's part of its ids, and the counter that follows it.
var messageIDs struct {
	process [8]byte
	last    atomic.Uint64
}

func init() { rand.Read(messageIDs.process[:]) }

// NewMessageID returns an id that no other message has. Publish makes one by itself; make it before if it must be
// stored first, and publish with WithMessageID.
func NewMessageID() MessageID {
	var id MessageID
	copy(id[:8], messageIDs.process[:])
	binary.BigEndian.PutUint64(id[8:], messageIDs.last.Add(1))
	return id
}

// ParseMessageID reads what MessageID.String wrote: 32 hexadecimal digits.
func ParseMessageID(s string) (MessageID, error) {
	var id MessageID
	if len(s) != 2*len(id) {
		return MessageID{}, errs.Coded(fmt.Errorf("gantline: message id %.40q has %d characters, want %d hexadecimal digits", s, len(s), 2*len(id)))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return MessageID{}, errs.Coded(fmt.Errorf("gantline: message id %q: %w", s, err))
	}
	return id, nil
}

// String returns 32 hexadecimal digits.
func (id MessageID) String() string { return hex.EncodeToString(id[:]) }

// Dedup remembers which messages were acked, for Config.Dedup. With it a copy that is published again after a lost
// session is not handed out twice. Many Ends may share one. Its methods are called by many goroutines, those that
// receive and that ack, and may block them, as a store on disk does.
type Dedup interface {
	// Seen reports whether id was added, as far as it is remembered.
	Seen(id MessageID) bool
	// Add remembers id. It is called before the ack is sent.
	Add(id MessageID)
}

// NewDedup returns a Dedup in memory that remembers the last n ids, each for ttl: about 100 bytes an id. ttl <= 0
// means that only n bounds it; n < 1 counts as 1. Choose n and ttl so that they cover what is published while a
// publisher can be away.
func NewDedup(n int, ttl time.Duration) Dedup { return dedup.New[MessageID](n, ttl) }
