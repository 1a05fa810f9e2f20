package frame

// Metadata keys of the protocol. Keys that begin with ':' are reserved for it.
const (
	MetaID          = ":id"          // id of a message, 16 bytes
	MetaRedelivered = ":redelivered" // present, one byte, when a message may be a copy
	MetaStream      = ":meta"        // bytes an opener gives a stream
)

// AppendMetadata appends one pair to a metadata block. A key has 1 to 255 bytes, a
// value at most 65535. A block has at most MaxMetadataPairs pairs and MaxMetadata
// bytes, which CheckMetadata checks.
func AppendMetadata(b []byte, key string, value []byte) []byte {
	return append16(append8(b, key), value)
}

// CheckMetadata checks that block is a sequence of whole pairs within the
// limits. The error is an *Error.
func CheckMetadata(block []byte) error { return checkMetadata(0, block) }

func checkMetadata(t Type, block []byte) error {
	if len(block) > MaxMetadata {
		return fail(t, "metadata", len(block), MaxMetadata, ErrTooLong)
	}
	for n := 0; len(block) > 0; n++ {
		if n == MaxMetadataPairs {
			return fail(t, "metadata pairs", n+1, MaxMetadataPairs, ErrTooLong)
		}
		if block[0] == 0 {
			return fail(t, "metadata key", 0, 1, ErrShort)
		}
		_, _, rest, ok := NextMetadata(block)
		if !ok {
			return fail(t, "metadata pair", len(block), pairLen(block), ErrShort)
		}
		block = rest
	}
	return nil
}

// pairLen returns the least length of the pair at the start of a block. The block
// holds only a part of it.
func pairLen(block []byte) int {
	n := 1 + int(block[0]) + 2
	if len(block) >= n {
		n += int(be.Uint16(block[n-2:]))
	}
	return n
}

// NextMetadata splits the first pair off a block. It returns false at the end
// of the block, and where CheckMetadata would fail for want of bytes. Key,
// value and rest share memory with block.
func NextMetadata(block []byte) (key, value, rest []byte, ok bool) {
	if len(block) == 0 || block[0] == 0 {
		return nil, nil, nil, false
	}
	k := 1 + int(block[0])
	if len(block) < k+2 {
		return nil, nil, nil, false
	}
	v := k + 2 + int(be.Uint16(block[k:]))
	if len(block) < v {
		return nil, nil, nil, false
	}
	return block[1:k:k], block[k+2 : v : v], block[v:], true
}
