package codec

import (
	"fmt"
	"reflect"
)

// Decoding a body may allocate so much, and so much more for each of its bytes. That bounds what a peer makes up: an
// element of any size takes three bytes of JSON and one of msgpack. What was encoded from such values is longer.
const (
	room        = 2 << 20
	roomPerByte = 60
)

// What the runtime takes for maps and interfaces, about.
const (
	mapHead  = 48
	mapGroup = 8   // pairs that there is room for from the first one on
	mapPlace = 128 // a key or value that is larger is allocated on its own
	anySize  = 16
)

// roomWalk adds up what a decoder allocates for a body that has been scanned.
type roomWalk struct {
	*rules
	b     []byte
	i     int
	depth int
	size  int
	each  int // counted for each element of what the walk does not follow
}

// check reports why body must not be decoded into v: its elements would take too much there. walk counts what it takes
// in a value of some shape; it is called only where the number of elements alone does not say that they fit.
func (r *rules) check(body []byte, elements int, v any, walk func(*roomWalk, *shape)) error {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer || elements <= 16 {
		return nil
	}
	s, most := r.shapeOf(t.Elem()), room+roomPerByte*len(body)
	if elements*s.worst <= most {
		return nil
	}
	w := roomWalk{rules: r, b: body}
	walk(&w, s)
	if w.size > most {
		return fmt.Errorf("decoding would allocate about %d bytes for %v, at most %d for a body of %d: send it in parts", w.size, t.Elem(), most, len(body))
	}
	return nil
}

// worstElement returns the most that one element may take in a value of s.
func (r *rules) worstElement(s *shape) int {
	seen := map[*shape]bool{}
	var slot, most, behind int // what a container has for it; what is allocated for itself, and for all pointers
	var look func(s *shape)
	look = func(s *shape) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		own := s.embedded
		switch s.form {
		case pointer:
			behind += s.elem.size
		case slice:
			slot = max(slot, r.growth*s.elem.size)
			own += r.header
		case mapping:
			own += r.mapSize(s, 1)
		case anything:
			slot = max(slot, r.growth*anySize)
			own += r.mapSize(s, 1)
		}
		most = max(most, own)
		for _, f := range s.fields {
			look(f)
		}
		look(s.key)
		look(s.elem)
	}
	look(s)
	return slot + most + behind + r.misfit
}

// into counts the pointers that lead to a value of s, and returns what that is.
func (w *roomWalk) into(s *shape) *shape {
	for range maxPointers {
		if s.form != pointer {
			return s
		}
		s = s.elem
		w.size += s.size
	}
	return skipped
}

// listed counts a list of n elements for a value of s.
func (w *roomWalk) listed(s *shape, n int) {
	growth := w.growth
	if n <= 256 { // up to where it doubles
		growth = min(growth, 3)
	}
	switch s.form {
	case slice:
		w.size += w.header + growth*s.elem.size*n
	case anything:
		w.size += 24 + growth*anySize*n
	}
}

// paired counts n pairs for a value of s.
func (w *roomWalk) paired(s *shape, n int) {
	switch s.form {
	case mapping, anything:
		w.size += w.mapSize(s, n)
	case record:
		w.size += s.embedded
	}
}

// mapSize returns what a map of n pairs takes.
func (r *rules) mapSize(s *shape, n int) int {
	if n == 0 {
		return mapHead
	}
	pair, apart := 0, 0
	for _, size := range [...]int{s.key.size, s.elem.size} {
		if r.pairs {
			apart += size
		}
		if size > mapPlace {
			size, apart = 8, apart+size
		}
		pair += size
	}
	return mapHead + pair*max(mapGroup, 4*n) + apart*n
}
