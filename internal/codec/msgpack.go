package codec

import (
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// Msgpack is MessagePack. scanMsgpack reads each body first.
type Msgpack struct{}

// maxPooledMsgpack is the largest body after which encoder and decoder go back to their pool. They keep
// buffers as large as the largest value they have seen.
const maxPooledMsgpack = 64 << 10

func (Msgpack) ID() uint8    { return MsgpackID }
func (Msgpack) Name() string { return "msgpack" }

// msgpackEncoder is a pooled encoder with the slice it appends to.
type msgpackEncoder struct {
	enc *msgpack.Encoder
	b   []byte
}

func (e *msgpackEncoder) Write(p []byte) (int, error) {
	e.b = append(e.b, p...)
	return len(p), nil
}

func (e *msgpackEncoder) WriteByte(c byte) error {
	e.b = append(e.b, c)
	return nil
}

var msgpackEncoders = sync.Pool{New: func() any {
	e := new(msgpackEncoder)
	e.enc = msgpack.NewEncoder(e)
	return e
}}

func (c Msgpack) Append(b []byte, v any) (out []byte, err error) {
	e := msgpackEncoders.Get().(*msgpackEncoder)
	e.b = b
	e.enc.Reset(e)
	e.enc.UseCompactInts(true)
	e.enc.SetCustomStructTag("json")
	err = e.encode(v)
	out, e.b = e.b, nil
	if err != nil {
		return b, err
	}
	if len(out)-len(b) <= maxPooledMsgpack {
		msgpackEncoders.Put(e)
	}
	return out, nil
}

func (e *msgpackEncoder) encode(v any) (err error) {
	defer recoverCodec("msgpack", &err)
	return e.enc.Encode(v)
}

// msgpackDecoder is a pooled decoder with its source.
type msgpackDecoder struct {
	dec *msgpack.Decoder
	src scannedReader
}

var msgpackDecoders = sync.Pool{New: func() any {
	d := new(msgpackDecoder)
	d.dec = msgpack.NewDecoder(&d.src)
	return d
}}

func (c Msgpack) Unmarshal(body []byte, v any) error {
	elements, err := scanMsgpack(body)
	if err != nil {
		return err
	}
	if err := msgpackRules.check(body, elements, v, (*roomWalk).msgpack); err != nil {
		return err
	}
	d := msgpackDecoders.Get().(*msgpackDecoder)
	d.src.reset(body)
	// UsePreallocateValues stays off: it starts a goroutine per type that never ends.
	d.dec.Reset(&d.src)
	d.dec.SetCustomStructTag("json")
	err = d.decode(v)
	d.src.reset(nil)
	if err == nil && len(body) <= maxPooledMsgpack { // after an error it may go on recording what it reads
		msgpackDecoders.Put(d)
	}
	return err
}

func (d *msgpackDecoder) decode(v any) (err error) {
	defer recoverCodec("msgpack", &err)
	return d.dec.Decode(v)
}
