package codec

import "fmt"

// Raw passes bytes through.
type Raw struct{}

func (Raw) ID() uint8    { return RawID }
func (Raw) Name() string { return "raw" }

func (Raw) Append(b []byte, v any) ([]byte, error) {
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

func (Raw) Unmarshal(body []byte, v any) error {
	if p, ok := v.(*[]byte); ok && p != nil {
		*p = body
		return nil
	}
	return fmt.Errorf("the body is raw bytes and cannot fill a %T: send it with a codec, such as msgpack", v)
}

// recoverCodec turns a panic inside a codec library into an error. A body from the network must never
// take the process down. It is deferred directly.
func recoverCodec(name string, err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%s codec panicked: %v", name, v)
	}
}
