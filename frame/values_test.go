package frame

import (
	"errors"
	"io"
	"math"
	"testing"
)

func TestCode(t *testing.T) {
	for _, tt := range []struct {
		c          Code
		name, text string
	}{
		{OK, "OK", "ok"},
		{NotFound, "NotFound", "not found"},
		{Unauthenticated, "Unauthenticated", "unauthenticated"},
		{17, "Code(17)", "code 17"},
		{65535, "Code(65535)", "code 65535"},
	} {
		if tt.c.Name() != tt.name || tt.c.String() != tt.text || tt.c.Error() != "gantline: "+tt.text {
			t.Errorf("%d: %q, %q, %q", uint16(tt.c), tt.c.Name(), tt.c.String(), tt.c.Error())
		}
	}
	if len(codes) != 17 || Unauthenticated != 16 {
		t.Errorf("%d codes, Unauthenticated is %d", len(codes), Unauthenticated)
	}
	for i, c := range codes {
		if c.name == "" || c.text == "" {
			t.Errorf("code %d has no name", i)
		}
	}
	if err := error(NotFound); !errors.Is(err, NotFound) || errors.Is(err, Internal) {
		t.Error("errors.Is does not tell codes apart")
	}
}

func TestKind(t *testing.T) {
	group := map[Kind]int{0: 0, 1: 1, 2: 1, 4: 1, 255: 1, 3: 2, 5: 2}
	for k := range 256 {
		g, valid := group[Kind(k)]
		if Kind(k).Valid() != valid || valid && Kind(k).Group() != g {
			t.Errorf("kind %d: Valid %v, Group %d", k, Kind(k).Valid(), Kind(k).Group())
		}
	}
	for k, want := range map[Kind]string{0: "stream", 5: "unacked message", 6: "kind 6", 255: "void"} {
		if k.String() != want {
			t.Errorf("Kind(%d) = %q, want %q", uint8(k), k, want)
		}
	}
}

func TestError(t *testing.T) {
	for _, tt := range []struct {
		err  *Error
		want string
	}{
		{&Error{TypeOpen, "name", 300, 255, ErrTooLong}, "gantline: OPEN frame: name: too long (got 300, limit 255)"},
		{&Error{Field: "limits.backlog", Limit: 1, Reason: ErrBadValue}, "gantline: limits.backlog: out of range (got 0, limit 1)"},
		{&Error{Field: "x", Reason: io.EOF}, "gantline: x: EOF (got 0, limit 0)"},
		{&Error{Field: "x"}, "gantline: x:  (got 0, limit 0)"},
	} {
		if tt.err.Error() != tt.want {
			t.Errorf("got %q, want %q", tt.err, tt.want)
		}
		if tt.err.Reason != nil && !errors.Is(tt.err, tt.err.Reason) {
			t.Errorf("%v does not wrap its reason", tt.err)
		}
	}
	if ErrShort.Error() != "gantline: frame: too short" {
		t.Errorf("ErrShort = %q", ErrShort)
	}
}

// Each number of Limits at 0, 1, its bounds and one beyond them.
func TestLimits(t *testing.T) {
	const bytes = math.MaxInt32
	for _, tt := range []struct {
		field    string
		of       func(l *Limits) *uint32
		min, max uint32
	}{
		{"limits.max payload", func(l *Limits) *uint32 { return &l.MaxPayload }, 16384, 1<<24 - 1},
		{"limits.streams", func(l *Limits) *uint32 { return &l.Streams }, 0, 1 << 24},
		{"limits.calls", func(l *Limits) *uint32 { return &l.Calls }, 0, 1 << 24},
		{"limits.messages", func(l *Limits) *uint32 { return &l.Messages }, 0, 1 << 24},
		{"limits.backlog", func(l *Limits) *uint32 { return &l.Backlog }, 1, 1 << 24},
		{"limits.early stream", func(l *Limits) *uint32 { return &l.EarlyStream }, 0, bytes},
		{"limits.early pool streams", func(l *Limits) *uint32 { return &l.EarlyPool[0] }, 0, bytes},
		{"limits.early pool calls", func(l *Limits) *uint32 { return &l.EarlyPool[1] }, 0, bytes},
		{"limits.early pool messages", func(l *Limits) *uint32 { return &l.EarlyPool[2] }, 0, bytes},
		{"limits.log", func(l *Limits) *uint32 { return &l.Log }, 16384, bytes},
		{"limits.body", func(l *Limits) *uint32 { return &l.Body }, 1, bytes},
	} {
		for _, v := range []uint32{0, 1, tt.min - 1, tt.min, tt.max, tt.max + 1, math.MaxUint32} {
			want := v >= tt.min && v <= tt.max
			l := testLimits
			*tt.of(&l) = v
			err := l.Validate()
			if (err == nil) != want {
				t.Errorf("%s = %d: %v, valid %v", tt.field, v, err, want)
			}
			var e *Error
			if !want && (!errors.As(err, &e) || e.Field != tt.field || e.Value != uint64(v) || e.Reason != ErrBadValue) {
				t.Errorf("%s = %d: %v", tt.field, v, err)
			}
			hello := with(testHello, func(x *Hello) { x.Limits = l })
			if _, err := ParseHello(AppendHello(nil, &hello)); (err == nil) != want {
				t.Errorf("HELLO with %s = %d: %v, valid %v", tt.field, v, err, want)
			}
			welcome := with(testWelcome, func(x *Welcome) { x.Limits = l })
			if _, err := ParseWelcome(AppendWelcome(nil, &welcome)); (err == nil) != want {
				t.Errorf("WELCOME with %s = %d: %v, valid %v", tt.field, v, err, want)
			}
		}
	}
	if err := (Limits{}).Validate(); !errors.Is(err, ErrBadValue) {
		t.Errorf("zero Limits: %v", err)
	}
}

// What only a sender can get wrong: lengths that the wire has no room for.
func TestValidateValues(t *testing.T) {
	type validator interface{ Validate() error }
	long := string(make([]byte, 129))
	for name, tt := range map[string]struct {
		x     validator
		field string
		want  error
	}{
		"name":      {&Open{Name: make([]byte, 256)}, "name", ErrTooLong},
		"parent":    {&Open{Parent: MaxID + 1}, "parent", ErrBadValue},
		"detail":    {&Head{Detail: make([]byte, 4097)}, "head detail", ErrTooLong},
		"metadata":  {&Head{Metadata: make([]byte, 8193)}, "metadata", ErrTooLong},
		"codecs":    {ptr(with(testHello, func(x *Hello) { x.Codecs = make([]byte, 256) })), "codecs", ErrTooLong},
		"hello id":  {ptr(with(testHello, func(x *Hello) { x.ID = long })), "id", ErrTooLong},
		"auth":      {ptr(with(testHello, func(x *Hello) { x.Auth = make([]byte, 70000) })), "payload", ErrTooLong},
		"client id": {ptr(with(testWelcome, func(x *Welcome) { x.ClientID = long })), "client id", ErrTooLong},
		"settings":  {&Settings{Messages: 1<<24 + 1}, "messages", ErrBadValue},
	} {
		err := tt.x.Validate()
		var e *Error
		if !errors.As(err, &e) || e.Field != tt.field || !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %q to be %v", name, err, tt.field, tt.want)
		}
	}
	for name, x := range map[string]validator{
		"hello": ptr(testHello), "welcome": ptr(testWelcome), "open": &callOpen, "head": &Head{Code: NotFound, Text: long}, "settings": &Settings{Calls: 1 << 24},
	} {
		if err := x.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := HeadLen(&Head{}); n != 2 {
		t.Errorf("HeadLen of OK = %d, want 2", n)
	}
}

func ptr[T any](x T) *T { return &x }
