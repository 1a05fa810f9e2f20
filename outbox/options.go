package outbox

import (
	"log/slog"
	"time"

	"github.com/gantline-project/gantline/internal/throttle"
)

// Values of Options.Sync; anything above zero is an interval.
const (
	// SyncAlways syncs before Keep and Forget return.
	SyncAlways time.Duration = 0
	// SyncNever leaves it to the system. Two exceptions: a new file that replaces the old one, and Close.
	SyncNever time.Duration = -1
)

// Defaults of Options.
const (
	DefaultLimit = 64 << 20
	// peerShare is the part of Options.Limit that one client of a server may take. A client that never acks must not
	// stop messages for the others.
	peerShare = 8
)

// Options are what a File is opened with. nil and the zero value mean all defaults.
type Options struct {
	// Sync says when writes are synced to the disk: SyncAlways (the default), SyncNever, or within this time.
	// The package's comment says what each of them means.
	Sync time.Duration
	// Limit bounds the pending messages, in bytes. It counts records, which are as long as their messages and
	// about 60 bytes, and 128 bytes for each in memory. Default 64 MiB.
	Limit int64
	// PeerLimit bounds the pending messages for one client of a server, in the same way. Default an eighth of
	// Limit. What a client keeps for its server, whose name is "", has Limit only.
	PeerLimit int64
	// Logger gets a log of torn ends, and of what could not be cleaned up; nil = slog.Default().
	Logger *slog.Logger

	log        *throttle.Log // of Logger
	compactMin int64         // smaller in tests
}

// withDefaults returns a copy with every default filled in; o may be nil.
func (o *Options) withDefaults() Options {
	var own Options
	if o != nil {
		own = *o
	}
	if own.Limit <= 0 {
		own.Limit = DefaultLimit
	}
	if own.PeerLimit <= 0 {
		own.PeerLimit = own.Limit / peerShare
	}
	if own.compactMin <= 0 {
		own.compactMin = compactMin
	}
	own.log = throttle.New(own.Logger)
	return own
}
