// Package codec has the built-in codecs of bodies: MessagePack, scanned first, JSON, and no encoding.
//
// # Usage
//
// Each codec is a value that satisfies gantline.Codec.
//
// # Concurrency
//
// Codecs are used by many goroutines at once.
//
// # Errors
//
// They say what did not fit, without a prefix.
package codec

// The numbers of the built-in codecs, as they travel.
const (
	RawID     uint8 = 0
	MsgpackID uint8 = 1
	JSONID    uint8 = 2
)
