package frame

import (
	"fmt"
	"slices"
)

// AppendPairs appends the application's metadata to a block that may already hold pairs of the protocol. Keys go out
// sorted, so that equal metadata has equal bytes.
//
// The limits, MaxMetadataPairs and MaxMetadata, count the whole block. The error names what is over its limit, or the key
// that cannot be sent; b is returned as it was then.
func AppendPairs(b []byte, m map[string][]string) ([]byte, error) {
	if len(m) == 0 {
		return b, nil
	}
	pairs := 0
	for _, _, rest, ok := NextMetadata(b); ok; _, _, rest, ok = NextMetadata(rest) {
		pairs++
	}
	var array [8]string
	keys := array[:0]
	for k, values := range m {
		if err := checkPairKey(k); err != nil {
			return b, err
		}
		keys = append(keys, k)
		pairs += len(values)
	}
	if pairs > MaxMetadataPairs {
		return b, fmt.Errorf("metadata has %d pairs, the limit is %d: put more into the body", pairs, MaxMetadataPairs)
	}
	slices.Sort(keys)
	size := len(b)
	for _, k := range keys {
		for _, v := range m[k] {
			size += 1 + len(k) + 2 + len(v)
		}
	}
	if size > MaxMetadata {
		return b, fmt.Errorf("metadata takes %d bytes, the limit is %d: put more into the body", size, MaxMetadata)
	}
	b = slices.Grow(b, size-len(b))
	for _, k := range keys {
		for _, v := range m[k] {
			b = AppendMetadata(b, k, []byte(v))
		}
	}
	return b, nil
}

func checkPairKey(k string) error {
	switch {
	case k == "":
		return fmt.Errorf("metadata key is empty")
	case len(k) > MaxName:
		return fmt.Errorf("metadata key %.32q... has %d bytes, the limit is %d", k, len(k), MaxName)
	case k[0] == ':':
		return fmt.Errorf("metadata key %q begins with ':', which is reserved for the protocol", k)
	}
	return nil
}

// ParsePairs returns a copy of the application's pairs of a checked block, nil when there are none.
func ParsePairs(block []byte) (m map[string][]string) {
	for {
		key, value, rest, ok := NextMetadata(block)
		if !ok {
			return m
		}
		block = rest
		if key[0] == ':' {
			continue
		}
		if m == nil {
			m = make(map[string][]string)
		}
		m[string(key)] = append(m[string(key)], string(value))
	}
}

// MetadataValue returns the first value of key. It shares memory with block.
func MetadataValue(block []byte, key string) (value []byte, ok bool) {
	for {
		k, v, rest, ok := NextMetadata(block)
		if !ok {
			return nil, false
		}
		if string(k) == key {
			return v, true
		}
		block = rest
	}
}
