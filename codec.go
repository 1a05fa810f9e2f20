package gantline

import "fmt"

// Codec turns Go values into bodies and back. Typed calls and typed topics use one; []byte bodies need none.
//
// The codec's id travels with every call and message, so the two sides may send in different codecs: a
// body is read with the codec it was written with, and an answer is written with the codec of its request.
// A Codec is used by many goroutines at once.
type Codec interface {
	// ID is the number that travels: 0 raw, 1 msgpack, 2 JSON, 3 protobuf, 4 to 127 reserved,
	// 128 to 255 free for applications.
	ID() uint8
	// Name is for error texts, such as "msgpack".
	Name() string
	// Append appends the encoding of v to b and returns the extended slice.
	Append(b []byte, v any) ([]byte, error)
	// Unmarshal decodes body into v, a non-nil pointer. The body comes from the network: Unmarshal must
	// bound what it allocates by len(body) and must not panic. It may keep parts of body.
	Unmarshal(body []byte, v any) error
}

// The numbers of the built-in codecs, as they travel.
const (
	codecRaw     uint8 = 0
	codecMsgpack uint8 = 1
	codecJSON    uint8 = 2
)

// The built-in codecs. Config.Codec selects the one that typed values are sent with (nil means Msgpack);
// all of them are understood on receipt.
var (
	// Msgpack is MessagePack. Struct fields are named by their msgpack tag, else by their json tag. What it
	// decodes is checked first: nesting at most 64 deep, no declared length beyond the bytes that follow, at
	// most 1,048,576 elements, nothing after the value.
	Msgpack Codec = msgpackCodec{}
	// JSON is encoding/json.
	JSON Codec = jsonCodec{}
	// Raw is no encoding: it takes and gives []byte and nothing else.
	Raw Codec = rawCodec{}
)

// codecByID returns the codec that a body names: configured's if the number is its own, else the built-in
// one, else nil.
func codecByID(id uint8, configured Codec) Codec {
	if configured != nil && configured.ID() == id {
		return configured
	}
	switch id {
	case codecRaw:
		return Raw
	case codecMsgpack:
		return Msgpack
	case codecJSON:
		return JSON
	}
	return nil
}

// rawCodec passes bytes through.
type rawCodec struct{}

func (rawCodec) ID() uint8    { return codecRaw }
func (rawCodec) Name() string { return "raw" }

func (rawCodec) Append(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return append(b, v...), nil
	case *[]byte:
		if v != nil {
			return append(b, *v...), nil
		}
	case nil:
		return b, nil
	}
	return b, fmt.Errorf("a raw body is made from []byte, not from %T: send it with another codec", v)
}

func (rawCodec) Unmarshal(body []byte, v any) error {
	if p, ok := v.(*[]byte); ok && p != nil {
		*p = body
		return nil
	}
	return fmt.Errorf("the body is raw bytes and cannot fill a %T: send it with a codec, such as msgpack", v)
}

// recoverCodec turns a panic inside a codec library into an error: a body from the network must never
// take the process down. It is deferred directly.
func recoverCodec(name string, err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%s codec panicked: %v", name, v)
	}
}
