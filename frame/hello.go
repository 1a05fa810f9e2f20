package frame

// Hello is the payload of HELLO, the first frame of a client. Resume is set on a new
// carrier for an existing session.
type Hello struct {
	MinVersion, MaxVersion uint8  // of the protocol, 1 .. 255
	Features               uint32 // bits of features offered: FeatureBound, FeatureSums, FeatureWantSums
	Limits                 Limits
	Heartbeat, Expiry      uint32 // wanted, ms; 0 leaves the choice to the server
	Share                  [32]byte
	Nonce                  [16]byte
	Codecs                 []byte // ids of body codecs understood, at most 255
	ID                     string // claimed id, at most MaxPeerID printable ASCII bytes; "" = none
	Meta                   []byte // for the application
	Auth                   []byte // token for the server's Authenticate
	Resume                 *ResumeHello
	Exporter               [32]byte // SHA-256 of what the client's TLS exports; it travels with FeatureBound only
	Extra                  []byte   // fields of later versions, kept as they are
}

// FeatureBound says that the proofs of the session cover the TLS exporter of their
// carrier. The client offers it with the hash of the exporter that it sees. The server
// agrees if it sees the same one.
const FeatureBound uint32 = 1 << 0

const (
	// FeatureSums says in HELLO that the client can check sums, and in WELCOME that both
	// sides do. All bytes after the handshake travel in records then.
	FeatureSums uint32 = 1 << 1
	// FeatureWantSums says in HELLO that the client wants that. The server agrees then, or
	// when it wants it itself.
	FeatureWantSums uint32 = 1 << 2
)

// ResumeHello asks for a new carrier for an existing session.
type ResumeHello struct {
	Session  [16]byte
	Epoch    uint64 // of the new carrier
	Position uint64 // received so far
	Released [Groups]uint64
	MAC      [32]byte // over the HELLO with these bytes zero
}

const (
	helloMin    = 2 + 4 + limitsLen + 8 + 32 + 16 + 1 + 1 + 2 + 2 + 1
	resumeHello = 16 + 8 + 8 + 8*Groups + 32
)

// AppendHello appends the payload of a HELLO.
func AppendHello(b []byte, x *Hello) []byte {
	b = append(b, x.MinVersion, x.MaxVersion)
	b = be.AppendUint32(b, x.Features)
	b = appendLimits(b, &x.Limits)
	b = be.AppendUint32(b, x.Heartbeat)
	b = be.AppendUint32(b, x.Expiry)
	b = append(b, x.Share[:]...)
	b = append(b, x.Nonce[:]...)
	b = append8(b, x.Codecs)
	b = append8(b, x.ID)
	b = append16(b, x.Meta)
	b = append16(b, x.Auth)
	b = appendFlag(b, x.Resume != nil)
	if r := x.Resume; r != nil {
		b = append(b, r.Session[:]...)
		b = be.AppendUint64(b, r.Epoch)
		b = be.AppendUint64(b, r.Position)
		b = appendReleased(b, &r.Released)
		b = append(b, r.MAC[:]...)
	}
	if x.Features&FeatureBound != 0 {
		b = append(b, x.Exporter[:]...)
	}
	return append(b, x.Extra...)
}

// ParseHello decodes the payload of a HELLO and validates it.
func ParseHello(p []byte) (Hello, error) {
	var x Hello
	d := decoder{t: TypeHello, p: p}
	x.MinVersion, x.MaxVersion = d.u8("min version"), d.u8("max version")
	x.Features = d.u32("features")
	d.limits(&x.Limits)
	x.Heartbeat, x.Expiry = d.u32("heartbeat"), d.u32("expiry")
	copy(x.Share[:], d.take("share", len(x.Share)))
	copy(x.Nonce[:], d.take("nonce", len(x.Nonce)))
	x.Codecs = d.bytes8("codecs", 255)
	x.ID = d.id("id")
	x.Meta = d.bytes16("meta", MaxHandshake)
	x.Auth = d.bytes16("auth", MaxHandshake)
	if d.flag("resume") {
		r := new(ResumeHello)
		copy(r.Session[:], d.take("resume session", len(r.Session)))
		r.Epoch, r.Position = d.u64("resume epoch"), d.u64("resume position")
		d.released(&r.Released)
		copy(r.MAC[:], d.take("resume mac", len(r.MAC)))
		x.Resume = r
	}
	if x.Features&FeatureBound != 0 {
		copy(x.Exporter[:], d.take("exporter", len(x.Exporter)))
	}
	x.Extra = d.rest()
	if d.err != nil {
		return Hello{}, d.err
	}
	if err := x.Validate(); err != nil {
		return Hello{}, err
	}
	return x, nil
}

// Validate checks x as ParseHello does, before it is sent. The error is an
// *Error.
func (x *Hello) Validate() error {
	if x.MinVersion == 0 {
		return fail(TypeHello, "min version", 0, 1, ErrBadValue)
	}
	if x.MaxVersion < x.MinVersion {
		return fail(TypeHello, "max version", x.MaxVersion, x.MinVersion, ErrBadValue)
	}
	if err := x.Limits.check(TypeHello); err != nil {
		return err
	}
	if len(x.Codecs) > 255 {
		return fail(TypeHello, "codecs", len(x.Codecs), 255, ErrTooLong)
	}
	if err := checkID(TypeHello, "id", x.ID); err != nil {
		return err
	}
	n := helloMin + len(x.Codecs) + len(x.ID) + len(x.Meta) + len(x.Auth) + len(x.Extra)
	if x.Resume != nil {
		n += resumeHello
	}
	if x.Features&FeatureBound != 0 {
		n += len(x.Exporter)
	}
	if n > MaxHandshake {
		return fail(TypeHello, "payload", n, MaxHandshake, ErrTooLong)
	}
	return nil
}
