package frame

const (
	creditLen = 4
	resetMin  = 2 + 2
)

// AppendCredit appends the payload of a CREDIT: n more body bytes may be sent
// on the stream. 0 confirms an accepted stream and grants nothing.
func AppendCredit(b []byte, n uint32) []byte { return be.AppendUint32(b, n) }

// ParseCredit decodes the payload of a CREDIT.
func ParseCredit(p []byte) (uint32, error) {
	if err := exactly(TypeCredit, p, creditLen); err != nil {
		return 0, err
	}
	return be.Uint32(p), nil
}

// Reset is the payload of RESET, which ends both directions of a stream.
type Reset struct {
	Code Code
	Text string // for people, cut to MaxText bytes
}

// Stop is the payload of STOP, which asks the peer to stop sending.
type Stop = Reset

// AppendReset appends the payload of a RESET.
func AppendReset(b []byte, x *Reset) []byte {
	return append16(be.AppendUint16(b, uint16(x.Code)), clip(x.Text))
}

// ParseReset decodes the payload of a RESET.
func ParseReset(p []byte) (Reset, error) { return parseReset(TypeReset, p) }

// AppendStop appends the payload of a STOP.
func AppendStop(b []byte, x *Stop) []byte { return AppendReset(b, x) }

// ParseStop decodes the payload of a STOP.
func ParseStop(p []byte) (Stop, error) { return parseReset(TypeStop, p) }

func parseReset(t Type, p []byte) (Reset, error) {
	d := decoder{t: t, p: p}
	x := Reset{Code: Code(d.u16("code")), Text: d.text()}
	if err := d.end(); err != nil {
		return Reset{}, err
	}
	return x, nil
}
