package frame

import "math"

// Limits is what a side accepts from its peer, as announced in HELLO or WELCOME. Log
// is the exception: how much of its own the side keeps unacknowledged.
type Limits struct {
	MaxPayload  uint32         // largest payload accepted, bytes: MinMaxPayload .. MaxLength
	Streams     uint32         // most streams the peer may have open: 0 .. 2^24
	Calls       uint32         // most calls and notifies, per depth: 0 .. 2^24
	Messages    uint32         // most unacked messages, per parent: 0 .. 2^24
	Backlog     uint32         // most opens not yet confirmed: 1 .. 2^24
	EarlyStream uint32         // early window of one stream, bytes: 0 .. 2^31-1
	EarlyPool   [Groups]uint32 // early window of a kind group, bytes: 0 .. 2^31-1
	Log         uint32         // own send log, bytes: MinMaxPayload .. 2^31-1
	Body        uint32         // largest assembled call or message body, bytes: 1 .. 2^31-1
}

const (
	limitsLen = 4 * (8 + Groups)
	maxCount  = 1 << 24
	maxBytes  = math.MaxInt32 // fits an int on every platform
)

// Validate checks that each number lies in the range given at its field. The error is
// an *Error that wraps ErrBadValue, and names the first that does not.
func (l Limits) Validate() error { return l.check(0) }

func (l *Limits) check(t Type) error {
	for _, f := range [...]struct {
		field       string
		v, min, max uint32
	}{
		{"limits.max payload", l.MaxPayload, MinMaxPayload, MaxLength},
		{"limits.streams", l.Streams, 0, maxCount},
		{"limits.calls", l.Calls, 0, maxCount},
		{"limits.messages", l.Messages, 0, maxCount},
		{"limits.backlog", l.Backlog, 1, maxCount},
		{"limits.early stream", l.EarlyStream, 0, maxBytes},
		{"limits.early pool streams", l.EarlyPool[GroupStreams], 0, maxBytes},
		{"limits.early pool calls", l.EarlyPool[GroupCalls], 0, maxBytes},
		{"limits.early pool messages", l.EarlyPool[GroupMessages], 0, maxBytes},
		{"limits.log", l.Log, MinMaxPayload, maxBytes},
		{"limits.body", l.Body, 1, maxBytes},
	} {
		if f.v < f.min {
			return fail(t, f.field, f.v, f.min, ErrBadValue)
		}
		if f.v > f.max {
			return fail(t, f.field, f.v, f.max, ErrBadValue)
		}
	}
	return nil
}

func appendLimits(b []byte, l *Limits) []byte {
	for _, v := range [...]uint32{
		l.MaxPayload, l.Streams, l.Calls, l.Messages, l.Backlog, l.EarlyStream,
		l.EarlyPool[0], l.EarlyPool[1], l.EarlyPool[2], l.Log, l.Body,
	} {
		b = be.AppendUint32(b, v)
	}
	return b
}

func (d *decoder) limits(l *Limits) {
	for _, v := range [...]*uint32{
		&l.MaxPayload, &l.Streams, &l.Calls, &l.Messages, &l.Backlog, &l.EarlyStream,
		&l.EarlyPool[0], &l.EarlyPool[1], &l.EarlyPool[2], &l.Log, &l.Body,
	} {
		*v = d.u32("limits")
	}
}
