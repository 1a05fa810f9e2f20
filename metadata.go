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

// appendMetadata appends m to a block that may already hold pairs of the protocol.
func appendMetadata(b []byte, m Metadata) ([]byte, error) {
	b, err := frame.AppendPairs(b, m)
	if err != nil {
		return b, errorf(InvalidArgument, "%s", err)
	}
	return b, nil
}

// parseMetadata returns the application's pairs of a checked block, nil when there are none.
func parseMetadata(block []byte) Metadata { return frame.ParsePairs(block) }
