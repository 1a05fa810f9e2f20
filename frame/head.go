package frame

// Head is the block at the start of a DATA frame with the flag HEAD. It says how a
// call or message ended, or how an answer begins. Detail and Metadata of a parsed
// one share memory with the input.
type Head struct {
	Code     Code
	Size     uint32 // of the whole body in this direction, bytes, at most 2^31-1; 0 = unknown
	Text     string // for people, cut to MaxText bytes
	Detail   []byte // for programs, at most MaxDetail bytes
	Metadata []byte // block, see AppendMetadata
}

const (
	headLen   = 2               // length field
	headFixed = 2 + 4 + 2 + 2   // least block that is not empty
	headText  = headLen + 2 + 4 // offset of the text's length
	headMax   = headFixed + MaxText + MaxDetail + MaxMetadata
)

func (h *Head) empty() bool {
	return h.Code == OK && h.Size == 0 && h.Text == "" && len(h.Detail) == 0 && len(h.Metadata) == 0
}

// HeadLen returns the encoded size of h, length field included.
func HeadLen(h *Head) int {
	if h.empty() {
		return headLen
	}
	return headLen + headFixed + len(clip(h.Text)) + len(h.Detail) + len(h.Metadata)
}

// AppendHead appends the HEAD block of h. When h says no more than OK and no body
// follows, its two bytes may be left out: an empty payload means the same.
func AppendHead(b []byte, h *Head) []byte {
	if h.empty() {
		return append(b, 0, 0)
	}
	b = be.AppendUint16(b, uint16(HeadLen(h)-headLen))
	b = be.AppendUint16(b, uint16(h.Code))
	b = be.AppendUint32(b, h.Size)
	b = append16(b, clip(h.Text))
	b = append16(b, h.Detail)
	return append(b, h.Metadata...)
}

// ParseHead decodes the HEAD block at the start of p, and returns the body after it.
// An empty p means OK.
func ParseHead(p []byte) (h Head, body []byte, err error) {
	if len(p) == 0 {
		return Head{}, nil, nil
	}
	if len(p) < headLen {
		return Head{}, nil, fail(TypeData, "head", len(p), headLen, ErrShort)
	}
	n := int(be.Uint16(p))
	if n == 0 {
		return Head{}, p[headLen:], nil
	}
	if n < headFixed {
		return Head{}, nil, fail(TypeData, "head", n, headFixed, ErrShort)
	}
	if n > headMax {
		return Head{}, nil, fail(TypeData, "head", n, headMax, ErrTooLong)
	}
	if len(p) < headLen+n {
		return Head{}, nil, fail(TypeData, "head", len(p), headLen+n, ErrShort)
	}
	body, p = p[headLen+n:], p[:headLen+n:headLen+n]
	h.Code, h.Size = Code(be.Uint16(p[headLen:])), be.Uint32(p[headLen+2:])
	d := headText + 2 + int(be.Uint16(p[headText:])) // offset of the detail's length
	if d-headText-2 > MaxText {
		return Head{}, nil, fail(TypeData, "head text", d-headText-2, MaxText, ErrTooLong)
	}
	if len(p) < d+2 {
		return Head{}, nil, fail(TypeData, "head text", len(p), d+2, ErrShort)
	}
	m := d + 2 + int(be.Uint16(p[d:])) // offset of the metadata
	if len(p) < m {
		return Head{}, nil, fail(TypeData, "head detail", len(p), m, ErrShort)
	}
	h.Text, h.Detail, h.Metadata = string(p[headText+2:d]), p[d+2:m:m], p[m:]
	if h.empty() {
		return Head{}, nil, fail(TypeData, "head", n, 0, ErrNotCanonical)
	}
	if h.Size != 0 && uint64(len(body)) > uint64(h.Size) {
		return Head{}, nil, fail(TypeData, "body", len(body), h.Size, ErrTooLong)
	}
	if err := h.Validate(); err != nil {
		return Head{}, nil, err
	}
	return h, body, nil
}

// Validate checks h as ParseHead does, before it is sent. The error is an
// *Error.
func (h *Head) Validate() error {
	if h.Size > maxBytes {
		return fail(TypeData, "head size", h.Size, maxBytes, ErrBadValue)
	}
	if len(h.Detail) > MaxDetail {
		return fail(TypeData, "head detail", len(h.Detail), MaxDetail, ErrTooLong)
	}
	return checkMetadata(TypeData, h.Metadata)
}
