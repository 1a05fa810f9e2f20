package gantline

import (
	"slices"

	"github.com/gantline-project/gantline/frame"
)

// Metadata is a set of named values that travels with a stream, call or message, and with an answer. Like
// net/http.Header it holds several values per key, but keys are compared byte for byte. Values are any
// bytes; the order of one key's values is kept.
//
// Limits: keys of 1 to 255 bytes that do not begin with ':' (those are the protocol's); 64 pairs and 8192
// bytes in all, where each value costs its length, its key's length and 3 bytes, and a message's id and the
// mark of a copy take two pairs of 38 bytes. What exceeds them is refused where it is sent, with InvalidArgument.
//
// Reading a nil Metadata is fine. Like any map it must not be changed while another goroutine uses it.
type Metadata map[string][]string

// Get returns the first value of key, "" if there is none.
func (m Metadata) Get(key string) string {
	if v := m[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Values returns all values of key. The slice is not a copy.
func (m Metadata) Values(key string) []string { return m[key] }

// Set makes value the only value of key.
func (m Metadata) Set(key, value string) { m[key] = []string{value} }

// Add appends a value to key's.
func (m Metadata) Add(key, value string) { m[key] = append(m[key], value) }

// Del removes key and its values.
func (m Metadata) Del(key string) { delete(m, key) }

// Clone returns a copy that shares nothing with m; nil for nil.
func (m Metadata) Clone() Metadata {
	if m == nil {
		return nil
	}
	out := make(Metadata, len(m))
	for k, v := range m {
		out[k] = slices.Clone(v)
	}
	return out
}

// appendMetadata appends m to a block that may already hold pairs of the protocol. The limits count the
// whole block. Keys go out sorted, so that equal metadata has equal bytes.
func appendMetadata(b []byte, m Metadata) ([]byte, error) {
	if len(m) == 0 {
		return b, nil
	}
	pairs := 0
	for _, _, rest, ok := frame.NextMetadata(b); ok; _, _, rest, ok = frame.NextMetadata(rest) {
		pairs++
	}
	var array [8]string
	keys := array[:0]
	for k, values := range m {
		if err := checkMetadataKey(k); err != nil {
			return b, err
		}
		keys = append(keys, k)
		pairs += len(values)
	}
	if pairs > frame.MaxMetadataPairs {
		return b, errorf(InvalidArgument, "metadata has %d pairs, the limit is %d: put more into the body", pairs, frame.MaxMetadataPairs)
	}
	slices.Sort(keys)
	size := len(b)
	for _, k := range keys {
		for _, v := range m[k] {
			size += 1 + len(k) + 2 + len(v)
		}
	}
	if size > frame.MaxMetadata {
		return b, errorf(InvalidArgument, "metadata takes %d bytes, the limit is %d: put more into the body", size, frame.MaxMetadata)
	}
	b = slices.Grow(b, size-len(b))
	for _, k := range keys {
		for _, v := range m[k] {
			b = frame.AppendMetadata(b, k, []byte(v))
		}
	}
	return b, nil
}

func checkMetadataKey(k string) error {
	switch {
	case k == "":
		return errorf(InvalidArgument, "metadata key is empty")
	case len(k) > frame.MaxName:
		return errorf(InvalidArgument, "metadata key %.32q... has %d bytes, the limit is %d", k, len(k), frame.MaxName)
	case k[0] == ':':
		return errorf(InvalidArgument, "metadata key %q begins with ':', which is reserved for the protocol", k)
	}
	return nil
}

// parseMetadata returns the application's pairs of a checked block: a copy, nil when there are none.
func parseMetadata(block []byte) Metadata {
	var m Metadata
	for {
		key, value, rest, ok := frame.NextMetadata(block)
		if !ok {
			return m
		}
		block = rest
		if key[0] == ':' {
			continue
		}
		if m == nil {
			m = make(Metadata)
		}
		m[string(key)] = append(m[string(key)], string(value))
	}
}

// metadataValue returns the first value of key, which shares memory with block.
func metadataValue(block []byte, key string) (value []byte, ok bool) {
	for {
		k, v, rest, ok := frame.NextMetadata(block)
		if !ok {
			return nil, false
		}
		if string(k) == key {
			return v, true
		}
		block = rest
	}
}
