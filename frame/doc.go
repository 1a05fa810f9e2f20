// Package frame turns frames into bytes and back, and nothing else.
//
// It knows the layout of docs/PROTOCOL.md: the preface, the 12-byte header, the
// payload of every frame type, the HEAD block and the metadata block. It holds
// no connection, starts no goroutine and reads no clock; order, credit and
// state are the business of the packages above it.
//
// # Usage
//
// Every payload has a pair of functions. AppendX appends the encoding to the
// bytes it is given. ParseX decodes, and refuses everything that AppendX would not
// have written, so that a frame has exactly one encoding. The header is written
// separately:
//
//	b = frame.AppendHeader(b, frame.Header{Type: frame.TypeOpen, Flags: frame.FlagFin,
//		Length: uint32(frame.OpenLen(&o) + len(o.Body)), ID: id})
//	b = frame.AppendOpen(b, &o)
//
// AppendX does not check its argument; values that come from a user go through
// Validate first. Texts are the exception: they are cut to MaxText bytes.
//
// AppendMethods and ParseMethods are for the body of a notify, not of a frame:
// it is advice, and what makes no sense in it is left out.
//
// A Reader takes frames off an io.Reader:
//
//	r := frame.NewReader(nc, frame.DefaultMaxPayload)
//	for {
//		h, err := r.Next()
//		if err != nil {
//			return err
//		}
//		...                    // r.Payload, r.Peek, r.ReadFull or r.Skip
//	}
//
// OPEN and HEAD are parsed without a copy: the slices of the result share
// memory with the input. Results of all other Parse functions own their memory.
//
// # Files
//
// Read header.go and types.go first: the header, and the rules of every type in
// one table. Then kind.go, code.go and limits.go, which several payloads use.
// Each payload has a file: hello.go, welcome.go, refuse.go, open.go, head.go with
// metadata.go, pairs.go and message.go, methods.go, stream.go and link.go for the
// short ones. decode.go and errors.go are their tools. reader.go takes frames off a connection. Nothing has a lock,
// and only a Reader has state.
//
// # Concurrency
//
// Functions are pure and values are plain data. A Reader belongs to one
// goroutine.
//
// # Errors
//
// A frame that breaks the protocol gives an *Error which names the frame type,
// the field, the value found and the limit it broke, and wraps one of ErrShort,
// ErrTooLong, ErrTrailing, ErrBadFlags, ErrBadID, ErrBadValue, ErrNotCanonical,
// ErrUnknownType and ErrBadPreface. All other errors of a Reader come from its
// source, unchanged, but for io.ErrUnexpectedEOF when the source ends inside a
// frame. A Code is an error, too: the one the peer answered with.
package frame
