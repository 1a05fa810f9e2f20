package codec

import (
	"bytes"
	"encoding/json"
)

// json counts the value that comes next, which is decoded into an s. In what is not valid, and will be refused, it
// counts something.
func (w *roomWalk) json(s *shape) {
	c := w.next()
	if c != 'n' { // null leaves pointers alone
		s = w.into(s)
		if !fitsJSON(c, s.form) {
			w.size += w.misfit
		}
	}
	switch {
	case c == '"':
		w.text()
		return
	case c != '[' && c != '{' || w.depth == maxJSONDepth:
		for more := w.i < len(w.b); more; more = w.i < len(w.b) && !isJSONEnd(w.b[w.i]) {
			w.i++
		}
		return
	}
	w.depth++
	n := 0
	if w.i++; c == '[' {
		elem := skipped
		if s.form == slice || s.form == array || s.form == anything {
			elem = s.elem
		}
		for ; w.member(']'); n++ {
			w.json(elem)
		}
		w.listed(s, n)
	} else {
		for ; w.member('}'); n++ {
			elem, name := skipped, w.text()
			switch s.form {
			case record:
				elem = w.field(s, jsonName(name))
			case mapping, anything:
				elem = s.elem
			}
			w.next() // the colon
			w.i++
			w.json(elem)
		}
		w.paired(s, n)
	}
	w.depth--
}

// fitsJSON reports whether a value that begins with c may fit a form.
func fitsJSON(c byte, f form) bool {
	switch {
	case f == opaque || f == anything:
		return true
	case c == '[':
		return f == slice || f == array
	case c == '{':
		return f == mapping || f == record
	case c == '"':
		return f == text || f == slice
	case c == 't', c == 'f':
		return f == boolean
	}
	return f == number
}

func isJSONEnd(c byte) bool {
	return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\t' || c == '\r' || c == '\n'
}

// text takes the string that begins here, and returns it with its quotes.
func (w *roomWalk) text() []byte {
	from := w.i
	w.i = min(endOfJSONString(w.b, from)+1, len(w.b))
	return w.b[min(from, w.i):w.i]
}

// next returns the next byte that is no space; 0 at the end.
func (w *roomWalk) next() byte {
	for w.i < len(w.b) {
		switch c := w.b[w.i]; c {
		case ' ', '\t', '\r', '\n':
			w.i++
		default:
			return c
		}
	}
	return 0
}

// member goes to the next member of an array or object, and reports whether there is one. Else it goes past the end.
func (w *roomWalk) member(end byte) bool {
	c := w.next()
	if c == ',' {
		w.i++
		c = w.next()
	}
	if c == end || c == 0 {
		w.i++
		return false
	}
	return true
}

// jsonName returns what a string with its quotes says.
func jsonName(quoted []byte) []byte {
	if len(quoted) < 2 {
		return nil
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return nil
	}
	return []byte(name)
}
