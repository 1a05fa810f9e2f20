package frame

import "iter"

// Names of the protocol's own notifies. Names that begin with ':' are reserved
// for it.
const (
	NameWatch   = ":watch"   // asks for the names of methods, now and whenever they change; no body
	NameMethods = ":methods" // has names of methods; AppendMethods writes the body
)

// MethodLen returns how many bytes AppendMethods appends for a name.
func MethodLen(name string) int { return 2 + len(name) }

// AppendMethods appends names to the body of a NameMethods. added says that the
// sender has begun to handle them, else it handles them no more. A name has 1 to
// MaxName bytes.
func AppendMethods(b []byte, added bool, names ...string) []byte {
	op := byte('-')
	if added {
		op = '+'
	}
	for _, name := range names {
		b = append8(append(b, op), name)
	}
	return b
}

// ParseMethods returns the names in the body of a NameMethods, and for each
// whether it was added. It is no check of the body, as nothing depends on it: an
// entry that is cut short ends the sequence, and of the bytes before a length
// only '+' means that a name was added.
func ParseMethods(body []byte) iter.Seq2[string, bool] {
	return func(yield func(name string, added bool) bool) {
		for p := body; len(p) >= 2 && len(p) >= 2+int(p[1]); {
			n := 2 + int(p[1])
			if !yield(string(p[2:n]), p[0] == '+') {
				return
			}
			p = p[n:]
		}
	}
}
