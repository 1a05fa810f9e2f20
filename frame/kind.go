package frame

import "fmt"

// Kind says what an OPEN opens.
type Kind uint8

// The kinds of version 1.
const (
	KindStream         Kind = 0   // a byte stream in both directions
	KindCall           Kind = 1   // request and answer
	KindStreamingCall  Kind = 2   // a call whose directions carry many messages
	KindMessage        Kind = 3   // a message the receiver acknowledges
	KindNotify         Kind = 4   // a call without an answer
	KindUnackedMessage Kind = 5   // a message that is only taken from the queue
	KindVoid           Kind = 255 // a call given up before it was replayed; never runs
)

// Kind groups: the index of everything that is limited or counted per group.
const (
	GroupStreams  = 0 // KindStream
	GroupCalls    = 1 // KindCall, KindStreamingCall, KindNotify, KindVoid
	GroupMessages = 2 // KindMessage, KindUnackedMessage
)

// Group returns the kind group to whose limits and early window k counts. Only kinds
// of GroupCalls may become KindVoid, so that both sides go on counting the same
// bytes in the same group.
func (k Kind) Group() int {
	switch k {
	case KindStream:
		return GroupStreams
	case KindMessage, KindUnackedMessage:
		return GroupMessages
	}
	return GroupCalls
}

// Valid reports whether k is a kind of version 1.
func (k Kind) Valid() bool { return k <= KindUnackedMessage || k == KindVoid }

var kindNames = [...]string{"stream", "call", "streaming call", "message", "notify", "unacked message"}

// String returns a name for people, such as "streaming call".
func (k Kind) String() string {
	switch {
	case int(k) < len(kindNames):
		return kindNames[k]
	case k == KindVoid:
		return "void"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}
