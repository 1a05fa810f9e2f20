package frame

import (
	"fmt"
	"strings"
)

// Type says what a frame is. Bit 7 marks the sequenced types, which count in the
// link's position and are replayed. Bit 6 marks the types that a receiver skips if it
// does not know them.
type Type uint8

// The frame types of version 1.
const (
	TypeHello     Type = 0x01 // client's first frame
	TypeWelcome   Type = 0x02 // server's answer to it
	TypeChallenge Type = 0x03 // asked before WELCOME by a server that authenticates
	TypeProof     Type = 0x04 // answer to a CHALLENGE
	TypeRefuse    Type = 0x05 // instead of WELCOME
	TypePing      Type = 0x06
	TypePong      Type = 0x07
	TypeAck       Type = 0x08
	TypeBye       Type = 0x09 // last frame of a session
	TypeOpen      Type = 0x81 // opens a stream, call or message
	TypeData      Type = 0x82
	TypeCredit    Type = 0x83
	TypeReset     Type = 0x84 // both directions of a stream end
	TypeStop      Type = 0x85 // asks the peer to stop sending on a stream
	TypeDrain     Type = 0x86 // asks the peer to open nothing new
	TypeSettings  Type = 0x87
)

const (
	sequencedBit = 0x80
	skippableBit = 0x40
)

// Sequenced reports whether frames of this type count in the position.
func (t Type) Sequenced() bool { return t&sequencedBit != 0 }

// Skippable reports whether a receiver that does not know t skips the frame.
func (t Type) Skippable() bool { return t&skippableBit != 0 }

// String returns the name used in docs/PROTOCOL.md, such as "OPEN".
func (t Type) String() string {
	if n := rules[t].name; n != "" {
		return n
	}
	return fmt.Sprintf("type 0x%02X", uint8(t))
}

// Flags are the flag bits of a header. Which are legal depends on the type.
type Flags uint8

// The flags of version 1.
const (
	FlagFin     Flags = 1 // nothing follows in this direction
	FlagHead    Flags = 2 // the payload begins with a HEAD block
	FlagBlocked Flags = 4 // the sender has more and is out of credit
	FlagEarly   Flags = 8 // the body is charged to the early window, not to credit
)

// String lists the flags by name, such as "FIN|HEAD".
func (f Flags) String() string {
	if f == 0 {
		return "none"
	}
	var s []string
	for i, n := range [...]string{"FIN", "HEAD", "BLOCKED", "EARLY"} {
		if f&(1<<i) != 0 {
			s = append(s, n)
		}
	}
	if f >>= 4; f != 0 {
		s = append(s, fmt.Sprintf("0x%X", uint8(f)<<4))
	}
	return strings.Join(s, "|")
}

// A rule is what Header.Validate knows about one type.
type rule struct {
	name     string
	flags    Flags  // legal ones
	stream   bool   // about one stream; other frames carry id 0
	min, max uint32 // payload bytes, beside the receiver's maximum
}

// rules is the table "Frame types" of docs/PROTOCOL.md. A type without a name
// is unknown.
var rules = [256]rule{
	TypeHello:     {name: "HELLO", min: helloMin, max: MaxHandshake},
	TypeWelcome:   {name: "WELCOME", min: welcomeMin, max: MaxHandshake},
	TypeChallenge: {name: "CHALLENGE", max: MaxHandshake},
	TypeProof:     {name: "PROOF", max: MaxHandshake},
	TypeRefuse:    {name: "REFUSE", min: refuseMin, max: refuseMin + 8 + MaxText + maxAddr},
	TypePing:      {name: "PING", min: pingLen, max: pingLen},
	TypePong:      {name: "PONG", min: pingLen, max: pingLen},
	TypeAck:       {name: "ACK", min: ackLen, max: ackLen},
	TypeBye:       {name: "BYE", min: byeMin, max: byeMin + MaxText},
	TypeOpen:      {name: "OPEN", flags: FlagFin, stream: true, min: openMin, max: MaxLength},
	TypeData:      {name: "DATA", flags: FlagFin | FlagHead | FlagBlocked | FlagEarly, stream: true, max: MaxLength},
	TypeCredit:    {name: "CREDIT", stream: true, min: creditLen, max: creditLen},
	TypeReset:     {name: "RESET", stream: true, min: resetMin, max: resetMin + MaxText},
	TypeStop:      {name: "STOP", stream: true, min: resetMin, max: resetMin + MaxText},
	TypeDrain:     {name: "DRAIN", min: drainMin, max: drainMin + MaxText + maxAddr},
	TypeSettings:  {name: "SETTINGS", min: settingsLen, max: settingsLen},
}
