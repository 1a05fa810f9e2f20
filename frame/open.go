package frame

// Open is the payload of OPEN, which opens a stream, call or message. Name, Metadata
// and Body of a parsed one share memory with the input.
type Open struct {
	Kind     Kind
	Depth    uint8  // of the call chain, 0 = not made inside a handler
	Codec    uint8  // of the bodies: 0 raw, 1 msgpack, 2 JSON, 3 protobuf, 128 and up as named in HELLO
	Parent   uint64 // id of the stream it belongs to, 0 = the End
	Timeout  uint32 // what remains of the caller's deadline, ms; 0 = none
	Size     uint32 // of the whole body in this direction, bytes, at most 2^31-1; 0 = unknown
	Name     []byte // method or topic, at most MaxName bytes
	Metadata []byte // block, see AppendMetadata
	Body     []byte // first bytes of the body
}

// Offsets of the fixed part of an OPEN.
const (
	openParent  = 4
	openTimeout = 11
	openSize    = 15
	openName    = 19
	openMin     = openName + 1 + 2
)

// OpenLen returns the encoded size of o without its body.
func OpenLen(o *Open) int { return openMin + len(o.Name) + len(o.Metadata) }

// AppendOpen appends the payload of an OPEN, body included.
func AppendOpen(b []byte, o *Open) []byte {
	b = append(b, byte(o.Kind), o.Depth, o.Codec, 0)
	b = appendU56(b, o.Parent)
	b = be.AppendUint32(b, o.Timeout)
	b = be.AppendUint32(b, o.Size)
	b = append8(b, o.Name)
	b = append16(b, o.Metadata)
	return append(b, o.Body...)
}

// ParseOpen decodes the payload of an OPEN and validates it, metadata included.
func ParseOpen(p []byte) (Open, error) {
	if len(p) < openMin {
		return Open{}, fail(TypeOpen, "payload", len(p), openMin, ErrShort)
	}
	o := Open{
		Kind: Kind(p[0]), Depth: p[1], Codec: p[2], Parent: u56(p[openParent:]),
		Timeout: be.Uint32(p[openTimeout:]), Size: be.Uint32(p[openSize:]),
	}
	if p[3] != 0 {
		return Open{}, fail(TypeOpen, "reserved", p[3], 0, ErrNotCanonical)
	}
	m := openName + 1 + int(p[openName])
	if len(p) < m+2 {
		return Open{}, fail(TypeOpen, "name", len(p), m+2, ErrShort)
	}
	o.Name = p[openName+1 : m : m]
	e := m + 2 + int(be.Uint16(p[m:]))
	if len(p) < e {
		return Open{}, fail(TypeOpen, "metadata", len(p), e, ErrShort)
	}
	o.Metadata, o.Body = p[m+2:e:e], p[e:]
	if err := o.Validate(); err != nil {
		return Open{}, err
	}
	return o, nil
}

// Validate checks o as ParseOpen does, before it is sent. The error is an
// *Error.
func (o *Open) Validate() error {
	if !o.Kind.Valid() {
		return fail(TypeOpen, "kind", o.Kind, KindUnackedMessage, ErrBadValue)
	}
	if o.Parent > MaxID {
		return fail(TypeOpen, "parent", o.Parent, uint64(MaxID), ErrBadValue)
	}
	if len(o.Name) > MaxName {
		return fail(TypeOpen, "name", len(o.Name), MaxName, ErrTooLong)
	}
	if o.Size > maxBytes {
		return fail(TypeOpen, "size", o.Size, maxBytes, ErrBadValue)
	}
	if o.Size != 0 && uint64(len(o.Body)) > uint64(o.Size) {
		return fail(TypeOpen, "body", len(o.Body), o.Size, ErrTooLong)
	}
	return checkMetadata(TypeOpen, o.Metadata)
}

// SetOpenTimeout rewrites the timeout in an encoded OPEN. payload must hold at
// least the fixed part.
func SetOpenTimeout(payload []byte, ms uint32) { be.PutUint32(payload[openTimeout:], ms) }

// SetOpenKind rewrites the kind in an encoded OPEN.
func SetOpenKind(payload []byte, k Kind) { payload[0] = byte(k) }
