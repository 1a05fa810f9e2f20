package gantline

import (
	"fmt"

	"github.com/gantline-project/gantline/internal/codec"
)

// Codec turns Go values into bodies and back. Typed calls and typed topics use one; []byte bodies need none.
//
// The codec's id travels with every call and message, so the two sides may send in different codecs: a
// body is read with the codec it was written with, and an answer is written with the codec of its request.
// A Codec is used by many goroutines at once.
type Codec interface {
	// ID is the number that travels. 0 is raw, 1 msgpack, 2 JSON, 3 protobuf; 4 to 127 are reserved, and 128 to 255 free
	// for applications.
	ID() uint8
	// Name is for error texts, such as "msgpack".
	Name() string
	// Append appends the encoding of v to b and returns the extended slice.
	Append(b []byte, v any) ([]byte, error)
	// Unmarshal decodes body into v, a non-nil pointer. The body comes from the network: Unmarshal must
	// bound what it allocates by len(body) and must not panic. It may keep parts of body.
	Unmarshal(body []byte, v any) error
}

// The built-in codecs. Config.Codec selects the one that typed values are sent with (nil means Msgpack), and Config.Codecs
// those that are understood on receipt (nil means all).
var (
	// Msgpack is MessagePack. Struct fields are named by their msgpack tag, else by their json tag. What it
	// decodes is checked first: nesting at most 64 deep, no declared length beyond the bytes that follow, at
	// most 1,048,576 elements, nothing after the value, and no more memory than 2 MiB and 60 bytes for each of the body.
	Msgpack Codec = codec.Msgpack{}
	// JSON is encoding/json. What it decodes is checked first: nesting at most 64 deep, at most 1,048,576 elements (a pair
	// of an object is two), and no more memory than 2 MiB and 60 bytes for each of the body.
	JSON Codec = codec.JSON{}
	// Raw is no encoding: it takes and gives []byte and nothing else.
	Raw Codec = codec.Raw{}
)

var builtinCodecs = []Codec{Msgpack, JSON}

// codecByID returns the codec that a body names, if the peer may use it. name is for the error.
func (c *Config) codecByID(id uint8, name string) (Codec, error) {
	accepted := c.Codecs
	switch {
	case c.Codec != nil && c.Codec.ID() == id:
		return c.Codec, nil
	case id == codec.RawID:
		return Raw, nil
	case accepted == nil:
		accepted = builtinCodecs
	}
	for _, k := range accepted {
		if k != nil && k.ID() == id {
			return k, nil
		}
	}
	return nil, errorf(Unimplemented, "codec %d is not accepted here: set Config.Codec on both sides, or Config.Codecs", id).named(name)
}

// codec is what typed values are sent with here.
func (st *Stream) codec() Codec { return st.end.cfg.Codec }

// codecOf returns what typed values are sent with on x: a Stream, an End, or something around one of them. For anything
// else that is Msgpack.
func codecOf(x any) Codec {
	if own, ok := x.(interface{ codec() Codec }); ok {
		return own.codec()
	}
	return Msgpack
}

// buffer holds an encoded value until it is sent.
type buffer = codec.Buffer

var newBuffer = codec.NewBuffer

// encode returns v's encoding, which is valid until buf is freed. name is the method or topic.
func encode(buf *buffer, c Codec, name string, v any) ([]byte, error) {
	b, err := c.Append(buf.B[:0], v)
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: fmt.Sprintf("encode %T as %s: %s", v, c.Name(), cleanText(err)), Method: name, cause: err}
	}
	buf.B = b
	return b, nil
}

// decode wraps what c says about a body that does not fit. Owners take turns with large ones.
func decode(owner any, c Codec, body []byte, v any) error {
	if len(body) >= codec.LargeBody {
		defer codec.Decoding.Take(owner)()
	}
	if err := c.Unmarshal(body, v); err != nil {
		return &Error{Code: InvalidArgument, Message: fmt.Sprintf("%s body of %d bytes into %T: %s", c.Name(), len(body), v, cleanText(err)), cause: err}
	}
	return nil
}
