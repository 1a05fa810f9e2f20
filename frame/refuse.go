package frame

// Challenge is the payload of CHALLENGE. Data is the question of the server's
// Authenticate, at most MaxHandshake bytes.
type Challenge struct{ Data []byte }

// AppendChallenge appends the payload of a CHALLENGE.
func AppendChallenge(b []byte, x *Challenge) []byte { return append(b, x.Data...) }

// ParseChallenge decodes the payload of a CHALLENGE.
func ParseChallenge(p []byte) (Challenge, error) {
	data, err := handshakeData(TypeChallenge, p)
	return Challenge{Data: data}, err
}

// Proof is the payload of PROOF. Data is the answer to a CHALLENGE, at most
// MaxHandshake bytes.
type Proof struct{ Data []byte }

// AppendProof appends the payload of a PROOF.
func AppendProof(b []byte, x *Proof) []byte { return append(b, x.Data...) }

// ParseProof decodes the payload of a PROOF.
func ParseProof(p []byte) (Proof, error) {
	data, err := handshakeData(TypeProof, p)
	return Proof{Data: data}, err
}

func handshakeData(t Type, p []byte) ([]byte, error) {
	if len(p) > MaxHandshake {
		return nil, fail(t, "payload", len(p), MaxHandshake, ErrTooLong)
	}
	return append([]byte(nil), p...), nil
}

// Refuse is the payload of REFUSE, which a server sends instead of WELCOME.
type Refuse struct {
	Code        Code
	Text        string // for people, cut to MaxText bytes
	RetryAfter  uint32 // ms; 0 = no advice
	Addr        string // another address to try, left out when longer than 255 bytes; "" = none
	Epoch       uint64 // current epoch, when the HELLO's was stale; else 0
	HasPosition bool   // the HELLO proved the session, so Position is valid
	Position    uint64 // received in that session
	Closed      bool   // that session was closed on purpose, with Code; only with HasPosition
}

const (
	refuseMin = 2 + 4 + 8 + 1 + 2 + 1
	maxAddr   = 255

	// What became of the session that a resume proved; a position follows.
	refuseEnded  = 1
	refuseClosed = 2
)

// AppendRefuse appends the payload of a REFUSE.
func AppendRefuse(b []byte, x *Refuse) []byte {
	b = be.AppendUint16(b, uint16(x.Code))
	b = be.AppendUint32(b, x.RetryAfter)
	b = be.AppendUint64(b, x.Epoch)
	switch {
	case x.HasPosition && x.Closed:
		b = be.AppendUint64(append(b, refuseClosed), x.Position)
	case x.HasPosition:
		b = be.AppendUint64(append(b, refuseEnded), x.Position)
	default:
		b = append(b, 0)
	}
	b = append16(b, clip(x.Text))
	return appendAddr(b, x.Addr)
}

// ParseRefuse decodes the payload of a REFUSE.
func ParseRefuse(p []byte) (Refuse, error) {
	var x Refuse
	d := decoder{t: TypeRefuse, p: p}
	x.Code = Code(d.u16("code"))
	x.RetryAfter = d.u32("retry after")
	x.Epoch = d.u64("epoch")
	ended := d.u8("ended")
	if ended > refuseClosed {
		d.fail("ended", int(ended), refuseClosed, ErrNotCanonical)
	}
	if x.HasPosition, x.Closed = ended > 0, ended == refuseClosed; x.HasPosition {
		x.Position = d.u64("position")
	}
	x.Text = d.text()
	x.Addr = string(d.bytes8("address", maxAddr))
	if err := d.end(); err != nil {
		return Refuse{}, err
	}
	return x, nil
}
