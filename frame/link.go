package frame

// Ack is the payload of ACK and part of PING and PONG.
type Ack struct {
	Position uint64         // bytes of whole sequenced frames received
	Released [Groups]uint64 // early bytes released per kind group, since the session began
}

const (
	ackLen      = 8 + 8*Groups
	pingLen     = 8 + ackLen
	byeMin      = 2 + 8 + 2
	drainMin    = 7 + 2 + 4 + 2 + 1
	settingsLen = 12
)

// AppendAck appends the payload of an ACK.
func AppendAck(b []byte, x Ack) []byte {
	return appendReleased(be.AppendUint64(b, x.Position), &x.Released)
}

// ParseAck decodes the payload of an ACK.
func ParseAck(p []byte) (Ack, error) {
	if err := exactly(TypeAck, p, ackLen); err != nil {
		return Ack{}, err
	}
	return ack(p), nil
}

func ack(p []byte) (x Ack) {
	x.Position = be.Uint64(p)
	for i := range x.Released {
		x.Released[i] = be.Uint64(p[8+8*i:])
	}
	return x
}

// Ping is the payload of PING and of PONG, which returns the opaque number.
type Ping struct {
	Opaque uint64
	Ack    Ack
}

// AppendPing appends the payload of a PING or PONG.
func AppendPing(b []byte, x *Ping) []byte {
	return AppendAck(be.AppendUint64(b, x.Opaque), x.Ack)
}

// ParsePing decodes the payload of a PING or PONG.
func ParsePing(p []byte) (Ping, error) {
	if err := exactly(TypePing, p, pingLen); err != nil {
		return Ping{}, err
	}
	return Ping{Opaque: be.Uint64(p), Ack: ack(p[8:])}, nil
}

// Bye is the payload of BYE, the last frame of a session.
type Bye struct {
	Code     Code
	Text     string // for people, cut to MaxText bytes
	Position uint64 // final: bytes of whole sequenced frames received
}

// AppendBye appends the payload of a BYE.
func AppendBye(b []byte, x *Bye) []byte {
	b = be.AppendUint16(b, uint16(x.Code))
	b = be.AppendUint64(b, x.Position)
	return append16(b, clip(x.Text))
}

// ParseBye decodes the payload of a BYE.
func ParseBye(p []byte) (Bye, error) {
	var x Bye
	d := decoder{t: TypeBye, p: p}
	x.Code = Code(d.u16("code"))
	x.Position = d.u64("position")
	x.Text = d.text()
	if err := d.end(); err != nil {
		return Bye{}, err
	}
	return x, nil
}

// Drain is the payload of DRAIN, which asks the peer to open nothing more. The
// sender still serves what was opened up to LastID. With the code Unavailable a
// client is invited to begin another session.
type Drain struct {
	LastID     uint64 // highest id of the peer that is served, 0 = none
	Code       Code   // why
	RetryAfter uint32 // ms until another session can begin; 0 = no advice
	Text       string // for people, cut to MaxText bytes
	Addr       string // another address to go to, left out when longer than 255 bytes; "" = none
}

// AppendDrain appends the payload of a DRAIN.
func AppendDrain(b []byte, x *Drain) []byte {
	b = appendU56(b, x.LastID)
	b = be.AppendUint16(b, uint16(x.Code))
	b = be.AppendUint32(b, x.RetryAfter)
	b = append16(b, clip(x.Text))
	return appendAddr(b, x.Addr)
}

// ParseDrain decodes the payload of a DRAIN.
func ParseDrain(p []byte) (Drain, error) {
	var x Drain
	d := decoder{t: TypeDrain, p: p}
	x.LastID = d.u56("last id")
	x.Code = Code(d.u16("code"))
	x.RetryAfter = d.u32("retry after")
	x.Text = d.text()
	x.Addr = string(d.bytes8("address", maxAddr))
	if err := d.end(); err != nil {
		return Drain{}, err
	}
	return x, nil
}

// Settings is the payload of SETTINGS, new maxima in place of those in Limits. They
// hold for the streams, calls and messages that the peer opens from here on. Each
// is 0 .. 2^24.
type Settings struct{ Streams, Calls, Messages uint32 }

// AppendSettings appends the payload of a SETTINGS.
func AppendSettings(b []byte, x *Settings) []byte {
	b = be.AppendUint32(b, x.Streams)
	b = be.AppendUint32(b, x.Calls)
	return be.AppendUint32(b, x.Messages)
}

// ParseSettings decodes the payload of a SETTINGS and checks the ranges.
func ParseSettings(p []byte) (Settings, error) {
	if err := exactly(TypeSettings, p, settingsLen); err != nil {
		return Settings{}, err
	}
	x := Settings{Streams: be.Uint32(p), Calls: be.Uint32(p[4:]), Messages: be.Uint32(p[8:])}
	if err := x.Validate(); err != nil {
		return Settings{}, err
	}
	return x, nil
}

// Validate checks the ranges. The error is an *Error that wraps ErrBadValue.
func (x *Settings) Validate() error {
	for i, v := range [...]uint32{x.Streams, x.Calls, x.Messages} {
		if v > maxCount {
			return fail(TypeSettings, [...]string{"streams", "calls", "messages"}[i], v, maxCount, ErrBadValue)
		}
	}
	return nil
}

func appendReleased(b []byte, r *[Groups]uint64) []byte {
	for _, v := range r {
		b = be.AppendUint64(b, v)
	}
	return b
}

func (d *decoder) released(r *[Groups]uint64) {
	for i := range r {
		r[i] = d.u64("released")
	}
}

// exactly checks the length of a payload without a variable part.
func exactly(t Type, p []byte, n int) error {
	switch {
	case len(p) < n:
		return fail(t, "payload", len(p), n, ErrShort)
	case len(p) > n:
		return fail(t, "payload", len(p), n, ErrTrailing)
	}
	return nil
}
