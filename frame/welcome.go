package frame

// Welcome is the payload of WELCOME, the server's answer to a HELLO. Resumed
// is set when the carrier was attached to an existing session.
type Welcome struct {
	Version           uint8  // chosen, 1 .. 255
	Features          uint32 // those of the HELLO that the server understands
	Limits            Limits
	Heartbeat, Expiry uint32 // agreed, ms
	Session           [16]byte
	Share             [32]byte
	Nonce             [16]byte
	ServerID          string // at most MaxPeerID printable ASCII bytes
	ClientID          string // the client's id from now on, likewise
	Meta              []byte // for the application
	Resumed           *ResumeWelcome
	Extra             []byte // fields of later versions, kept as they are
}

// ResumeWelcome answers a ResumeHello.
type ResumeWelcome struct {
	Position uint64 // received so far
	Released [Groups]uint64
	MAC      [32]byte // over the WELCOME with these bytes zero
}

const (
	welcomeMin    = 1 + 4 + limitsLen + 8 + 16 + 32 + 16 + 1 + 1 + 2 + 1
	resumeWelcome = 8 + 8*Groups + 32
)

// AppendWelcome appends the payload of a WELCOME.
func AppendWelcome(b []byte, x *Welcome) []byte {
	b = append(b, x.Version)
	b = be.AppendUint32(b, x.Features)
	b = appendLimits(b, &x.Limits)
	b = be.AppendUint32(b, x.Heartbeat)
	b = be.AppendUint32(b, x.Expiry)
	b = append(b, x.Session[:]...)
	b = append(b, x.Share[:]...)
	b = append(b, x.Nonce[:]...)
	b = append8(b, x.ServerID)
	b = append8(b, x.ClientID)
	b = append16(b, x.Meta)
	b = appendFlag(b, x.Resumed != nil)
	if r := x.Resumed; r != nil {
		b = be.AppendUint64(b, r.Position)
		b = appendReleased(b, &r.Released)
		b = append(b, r.MAC[:]...)
	}
	return append(b, x.Extra...)
}

// ParseWelcome decodes the payload of a WELCOME and validates it.
func ParseWelcome(p []byte) (Welcome, error) {
	var x Welcome
	d := decoder{t: TypeWelcome, p: p}
	x.Version = d.u8("version")
	x.Features = d.u32("features")
	d.limits(&x.Limits)
	x.Heartbeat, x.Expiry = d.u32("heartbeat"), d.u32("expiry")
	copy(x.Session[:], d.take("session", len(x.Session)))
	copy(x.Share[:], d.take("share", len(x.Share)))
	copy(x.Nonce[:], d.take("nonce", len(x.Nonce)))
	x.ServerID, x.ClientID = d.id("server id"), d.id("client id")
	x.Meta = d.bytes16("meta", MaxHandshake)
	if d.flag("resumed") {
		r := new(ResumeWelcome)
		r.Position = d.u64("resumed position")
		d.released(&r.Released)
		copy(r.MAC[:], d.take("resumed mac", len(r.MAC)))
		x.Resumed = r
	}
	x.Extra = d.rest()
	if d.err != nil {
		return Welcome{}, d.err
	}
	if err := x.Validate(); err != nil {
		return Welcome{}, err
	}
	return x, nil
}

// Validate checks x as ParseWelcome does, before it is sent. The error is an
// *Error.
func (x *Welcome) Validate() error {
	if x.Version == 0 {
		return fail(TypeWelcome, "version", 0, 1, ErrBadValue)
	}
	if err := x.Limits.check(TypeWelcome); err != nil {
		return err
	}
	if err := checkID(TypeWelcome, "server id", x.ServerID); err != nil {
		return err
	}
	if err := checkID(TypeWelcome, "client id", x.ClientID); err != nil {
		return err
	}
	n := welcomeMin + len(x.ServerID) + len(x.ClientID) + len(x.Meta) + len(x.Extra)
	if x.Resumed != nil {
		n += resumeWelcome
	}
	if n > MaxHandshake {
		return fail(TypeWelcome, "payload", n, MaxHandshake, ErrTooLong)
	}
	return nil
}
