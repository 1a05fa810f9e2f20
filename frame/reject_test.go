package frame

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func pairs(n, valueLen int) (b []byte) {
	for range n {
		b = AppendMetadata(b, "k", make([]byte, valueLen))
	}
	return b
}

// open returns an encoded OPEN changed by the given function.
func open(change func(o *Open)) []byte {
	o := with(Open{Kind: KindCall, Name: []byte("m"), Body: []byte("body")}, change)
	return AppendOpen(nil, &o)
}

func head(h Head, body string) []byte { return append(AppendHead(nil, &h), body...) }

func hello(change func(x *Hello)) []byte {
	x := with(testHello, change)
	return AppendHello(nil, &x)
}

func welcome(change func(x *Welcome)) []byte {
	x := with(testWelcome, change)
	return AppendWelcome(nil, &x)
}

// at returns b with one byte changed.
func at(b []byte, i int, v byte) []byte {
	b[i] = v
	return b
}

// flagAt is where the resume byte of the least HELLO or WELCOME lies.
func flagAt(b []byte) int { return len(b) - 1 }

func TestReject(t *testing.T) {
	least := hello(func(*Hello) {})
	leastWelcome := welcome(func(*Welcome) {})
	for _, tt := range []struct {
		name  string
		h     Header
		p     []byte
		field string
		want  error
	}{
		{"min version 0", Header{Type: TypeHello}, hello(func(x *Hello) { x.MinVersion = 0 }), "min version", ErrBadValue},
		{"versions crossed", Header{Type: TypeHello}, hello(func(x *Hello) { x.MinVersion = 2 }), "max version", ErrBadValue},
		{"resume byte 2", Header{Type: TypeHello}, at(least, flagAt(least), 2), "resume", ErrNotCanonical},
		{"id of 129 bytes", Header{Type: TypeHello}, hello(func(x *Hello) { x.ID = strings.Repeat("a", 129) }), "id", ErrTooLong},
		{"id with a newline", Header{Type: TypeHello}, hello(func(x *Hello) { x.ID = "a\nb" }), "id", ErrBadValue},
		{"id with a NUL", Header{Type: TypeHello}, hello(func(x *Hello) { x.ID = "a\x00" }), "id", ErrBadValue},
		{"id outside ASCII", Header{Type: TypeHello}, hello(func(x *Hello) { x.ID = "ä" }), "id", ErrBadValue},
		{"8193 bytes", Header{Type: TypeHello}, hello(func(x *Hello) { x.Extra = make([]byte, 8193-helloMin) }), "payload", ErrTooLong},
		{"auth longer than the payload", Header{Type: TypeHello}, at(hello(func(*Hello) {}), helloMin-2, 9), "auth", ErrShort},
		{"bound without an exporter", Header{Type: TypeHello}, at(hello(func(*Hello) {}), 5, 1), "exporter", ErrShort},
		{"half an exporter", Header{Type: TypeHello}, append(at(hello(func(*Hello) {}), 5, 1), make([]byte, 31)...), "exporter", ErrShort},
		{"8193 bytes with an exporter", Header{Type: TypeHello}, hello(func(x *Hello) { x.Features, x.Extra = FeatureBound, make([]byte, 8193-helloMin-32) }), "payload", ErrTooLong},
		{"version 0", Header{Type: TypeWelcome}, welcome(func(x *Welcome) { x.Version = 0 }), "version", ErrBadValue},
		{"resumed byte 255", Header{Type: TypeWelcome}, at(leastWelcome, flagAt(leastWelcome), 255), "resumed", ErrNotCanonical},
		{"server id", Header{Type: TypeWelcome}, welcome(func(x *Welcome) { x.ServerID = "\x7f" }), "server id", ErrBadValue},
		{"client id", Header{Type: TypeWelcome}, welcome(func(x *Welcome) { x.ClientID = strings.Repeat("b", 129) }), "client id", ErrTooLong},
		{"8193 bytes", Header{Type: TypeWelcome}, welcome(func(x *Welcome) { x.Meta = make([]byte, 8100) }), "payload", ErrTooLong},
		{"8193 bytes", Header{Type: TypeChallenge}, make([]byte, 8193), "payload", ErrTooLong},
		{"8193 bytes", Header{Type: TypeProof}, make([]byte, 8193), "payload", ErrTooLong},
		{"ended byte 3", Header{Type: TypeRefuse}, at(make([]byte, refuseMin), 14, 3), "ended", ErrNotCanonical},
		{"tail", Header{Type: TypeRefuse}, make([]byte, refuseMin+1), "payload", ErrTrailing},
		{"text of 1025", Header{Type: TypeRefuse}, append([]byte("000000\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x01"), make([]byte, 2000)...), "text", ErrTooLong},
		{"short", Header{Type: TypePing}, make([]byte, 39), "payload", ErrShort},
		{"long", Header{Type: TypePong}, make([]byte, 41), "payload", ErrTrailing},
		{"short", Header{Type: TypeAck}, make([]byte, 31), "payload", ErrShort},
		{"long", Header{Type: TypeAck}, make([]byte, 33), "payload", ErrTrailing},
		{"tail", Header{Type: TypeBye}, make([]byte, byeMin+1), "payload", ErrTrailing},
		{"text missing", Header{Type: TypeBye}, at(make([]byte, byeMin), 11, 1), "text", ErrShort},
		{"tail", Header{Type: TypeDrain}, make([]byte, drainMin+1), "payload", ErrTrailing},
		{"address missing", Header{Type: TypeDrain}, make([]byte, drainMin-1), "address", ErrShort},
		{"short", Header{Type: TypeSettings}, make([]byte, 11), "payload", ErrShort},
		{"2^24+1 calls", Header{Type: TypeSettings}, []byte("\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00"), "calls", ErrBadValue},
		{"short", Header{Type: TypeCredit}, make([]byte, 3), "payload", ErrShort},
		{"long", Header{Type: TypeCredit}, make([]byte, 5), "payload", ErrTrailing},
		{"text of 1025", Header{Type: TypeReset}, append([]byte{0, 0, 4, 1}, make([]byte, 1025)...), "text", ErrTooLong},
		{"text missing", Header{Type: TypeStop}, []byte{0, 0, 0, 1}, "text", ErrShort},
		{"tail", Header{Type: TypeStop}, []byte{0, 0, 0, 0, 0}, "payload", ErrTrailing},

		{"21 bytes", Header{Type: TypeOpen}, make([]byte, 21), "payload", ErrShort},
		{"kind 6", Header{Type: TypeOpen}, open(func(o *Open) { o.Kind = 6 }), "kind", ErrBadValue},
		{"kind 254", Header{Type: TypeOpen}, open(func(o *Open) { o.Kind = 254 }), "kind", ErrBadValue},
		{"reserved byte", Header{Type: TypeOpen}, at(open(func(*Open) {}), 3, 1), "reserved", ErrNotCanonical},
		{"name missing", Header{Type: TypeOpen}, at(make([]byte, openMin), openName, 1), "name", ErrShort},
		{"metadata missing", Header{Type: TypeOpen}, at(make([]byte, openMin), openMin-1, 1), "metadata", ErrShort},
		{"body larger than size", Header{Type: TypeOpen}, open(func(o *Open) { o.Size = 3 }), "body", ErrTooLong},
		{"size of 2^31", Header{Type: TypeOpen}, open(func(o *Open) { o.Size = 1 << 31 }), "size", ErrBadValue},
		{"metadata of 8193 bytes", Header{Type: TypeOpen}, open(func(o *Open) { o.Metadata = pairs(1, 8193-4) }), "metadata", ErrTooLong},
		{"65 pairs", Header{Type: TypeOpen}, open(func(o *Open) { o.Metadata = pairs(65, 0) }), "metadata pairs", ErrTooLong},
		{"empty key", Header{Type: TypeOpen}, open(func(o *Open) { o.Metadata = []byte{0, 0, 0} }), "metadata key", ErrShort},
		{"half a pair", Header{Type: TypeOpen}, open(func(o *Open) { o.Metadata = []byte{1, 'k', 0, 2, 'v'} }), "metadata pair", ErrShort},

		{"one byte", Header{Type: TypeData, Flags: FlagHead}, []byte{0}, "head", ErrShort},
		{"block of 9", Header{Type: TypeData, Flags: FlagHead}, append([]byte{0, 9}, make([]byte, 20)...), "head", ErrShort},
		{"block beyond the payload", Header{Type: TypeData, Flags: FlagHead}, append([]byte{0, 10}, make([]byte, 9)...), "head", ErrShort},
		{"block of 65535", Header{Type: TypeData, Flags: FlagHead}, append([]byte{255, 255}, make([]byte, 65535)...), "head", ErrTooLong},
		{"OK in the long form", Header{Type: TypeData, Flags: FlagHead}, append([]byte{0, 10}, make([]byte, 10)...), "head", ErrNotCanonical},
		{"text beyond the block", Header{Type: TypeData, Flags: FlagHead}, at(at(make([]byte, 100), 1, 10), 9, 1), "head text", ErrShort},
		{"text of 1025", Header{Type: TypeData, Flags: FlagHead}, append([]byte{5, 0, 0, 1, 0, 0, 0, 0, 4, 1}, make([]byte, 2000)...), "head text", ErrTooLong},
		{"detail beyond the block", Header{Type: TypeData, Flags: FlagHead}, at(at(make([]byte, 100), 1, 10), 11, 1), "head detail", ErrShort},
		{"size of 2^31", Header{Type: TypeData, Flags: FlagHead}, head(Head{Size: 1 << 31}, ""), "head size", ErrBadValue},
		{"detail of 4097", Header{Type: TypeData, Flags: FlagHead}, head(Head{Detail: make([]byte, 4097)}, ""), "head detail", ErrTooLong},
		{"metadata", Header{Type: TypeData, Flags: FlagHead}, head(Head{Metadata: pairs(65, 0)}, ""), "metadata pairs", ErrTooLong},
		{"body larger than size", Header{Type: TypeData, Flags: FlagHead}, head(Head{Size: 1}, "ab"), "body", ErrTooLong},
	} {
		t.Run(tt.h.Type.String()+"/"+tt.name, func(t *testing.T) {
			got, err := recode(tt.h, tt.p)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %x, %v, want an *Error", got, err)
			}
			if !errors.Is(err, tt.want) || e.Field != tt.field {
				t.Errorf("got %v, want %q to be %v", err, tt.field, tt.want)
			}
			if want := tt.h.Type; e.Type != want && want != TypePong {
				t.Errorf("error is about %v, want %v", e.Type, want)
			}
		})
	}
}

// The largest values that are still legal.
func TestAccept(t *testing.T) {
	long := strings.Repeat("x", MaxPeerID)
	for name, f := range map[string]struct {
		h Header
		p []byte
	}{
		"hello":      {Header{Type: TypeHello}, hello(func(x *Hello) { x.ID, x.Extra = long, make([]byte, 8192-helloMin-128) })},
		"exporter":   {Header{Type: TypeHello}, hello(func(x *Hello) { x.Features, x.Extra = FeatureBound, make([]byte, 8192-helloMin-32) })},
		"codecs":     {Header{Type: TypeHello}, hello(func(x *Hello) { x.Codecs = make([]byte, 255) })},
		"welcome":    {Header{Type: TypeWelcome}, welcome(func(x *Welcome) { x.ServerID, x.ClientID, x.Meta = long, long, make([]byte, 7000) })},
		"challenge":  {Header{Type: TypeChallenge}, make([]byte, 8192)},
		"name":       {Header{Type: TypeOpen}, open(func(o *Open) { o.Name = make([]byte, 255) })},
		"size":       {Header{Type: TypeOpen}, open(func(o *Open) { o.Size = 4 })},
		"64 pairs":   {Header{Type: TypeOpen}, open(func(o *Open) { o.Metadata = pairs(64, 124) })},
		"8192 bytes": {Header{Type: TypeOpen}, open(func(o *Open) { o.Metadata = pairs(1, 8192-4) })},
		"long key": {Header{Type: TypeOpen}, open(func(o *Open) {
			o.Metadata = AppendMetadata(nil, strings.Repeat("k", 255), nil)
		})},
		"head": {Header{Type: TypeData, Flags: FlagHead}, head(Head{
			Code: 65535, Size: 2, Text: strings.Repeat("t", 1024), Detail: make([]byte, 4096), Metadata: pairs(1, 8192-4),
		}, "ab")},
	} {
		if err := checkRecode(f.h, f.p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := headLen + headMax; n > MinMaxPayload {
		t.Errorf("the largest HEAD takes %d bytes, more than every peer accepts", n)
	}
	if n := openMin + MaxName + MaxMetadata; n > MinMaxPayload {
		t.Errorf("the largest OPEN without body takes %d bytes, more than every peer accepts", n)
	}
}

func checkRecode(h Header, p []byte) error {
	got, err := recode(h, p)
	if err == nil && !bytes.Equal(got, p) {
		err = errors.New("encodes to other bytes")
	}
	return err
}

// Texts are cut between characters, addresses left out, and lengths agree.
func TestClip(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{strings.Repeat("a", 1024), strings.Repeat("a", 1024)},
		{strings.Repeat("a", 1025), strings.Repeat("a", 1024)},
		{strings.Repeat("a", 1023) + "ä", strings.Repeat("a", 1023)},
		{strings.Repeat("a", 1021) + "\U0001F600", strings.Repeat("a", 1021)},
		{strings.Repeat("\x80", 2000), strings.Repeat("\x80", 1020)}, // not UTF-8
	} {
		r, err := ParseReset(AppendReset(nil, &Reset{Text: tt.in}))
		if err != nil || r.Text != tt.want {
			t.Errorf("%d bytes: got %d, %v, want %d", len(tt.in), len(r.Text), err, len(tt.want))
		}
		h := Head{Text: tt.in, Size: 7}
		if b := AppendHead(nil, &h); len(b) != HeadLen(&h) {
			t.Errorf("HEAD has %d bytes, HeadLen says %d", len(b), HeadLen(&h))
		}
	}
	d, err := ParseDrain(AppendDrain(nil, &Drain{Addr: strings.Repeat("h", 256)}))
	if err != nil || d.Addr != "" {
		t.Errorf("address of 256 bytes: got %q, %v", d.Addr, err)
	}
}
