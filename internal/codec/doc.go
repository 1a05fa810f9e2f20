// Package codec has the built-in codecs of bodies: MessagePack and JSON, both scanned first, and no encoding.
//
// # Usage
//
// Each codec is a value that satisfies gantline.Codec. A Buffer has room for what one of them encodes.
// Whoever decodes a body of LargeBody bytes or more takes one of the Turns first.
//
// # Concurrency
//
// Codecs are used by many goroutines at once.
//
// # Errors
//
// They say what did not fit, without a prefix.
//
// Read scan.go and jsonscan.go first, which look at every body. Where many elements might take too much, room.go adds them
// up: shape.go says how a type is decoded, jsonwalk.go and msgpackwalk.go walk a body along it.
package codec

// The numbers of the built-in codecs, as they travel.
const (
	RawID     uint8 = 0
	MsgpackID uint8 = 1
	JSONID    uint8 = 2
)
