package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// shape is a type as a decoder sees it.
type shape struct {
	form     form
	size     int    // of a value
	elem     *shape // of a pointer, slice, array, map, interface
	key      *shape // of a map, interface
	fields   map[string]*shape
	embedded int // bytes of a struct's structs that are embedded by pointers
	worst    int // see worstElement; of those that were asked for
}

type form uint8

const (
	opaque form = iota // decodes its bytes on its own terms, or is skipped
	number
	text
	boolean
	pointer
	array
	slice
	mapping
	record
	anything // an empty interface
	other    // nothing fits it
)

// skipped is the shape of what a decoder passes over.
var skipped = &shape{}

// rules are what the decoder of a codec does with types.
type rules struct {
	self   []reflect.Type      // a type with the methods of one of these is opaque
	tags   []string            // of fields; the first that there is has the name
	name   func(string) string // makes one of all names that are taken for the same field
	growth int                 // how much is allocated while a slice grows, in parts of its last size
	header int                 // what is allocated for a slice beside its elements
	pairs  bool                // the key and value of a pair are allocated each
	misfit int                 // what it takes to say that an element does not fit

	mu     sync.Mutex // guards shapes while one is made
	shapes sync.Map   // by type. Types come from the program's source, so they are few
}

var (
	jsonRules = rules{
		self: []reflect.Type{reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()},
		tags: []string{"json"}, name: foldName, growth: 6, misfit: 128,
	}
	msgpackRules = rules{
		self: []reflect.Type{reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
			reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()},
		tags: []string{"msgpack", "json"}, name: func(s string) string { return s }, growth: 2, header: 48, pairs: true,
	}
)

// foldName folds names as encoding/json does.
func foldName(s string) string { return strings.ToUpper(strings.ToLower(s)) }

// shapeOf returns the shape of t, with its worst element.
func (r *rules) shapeOf(t reflect.Type) *shape {
	if s, ok := r.shapes.Load(t); ok {
		return s.(*shape)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shape(t, map[reflect.Type]*shape{})
	s.worst = r.worstElement(s)
	r.shapes.Store(t, s)
	return s
}

// shape makes the shape of t. made has those that there are, since types may refer to themselves.
func (r *rules) shape(t reflect.Type, made map[reflect.Type]*shape) *shape {
	if s := made[t]; s != nil {
		return s
	}
	s := &shape{size: int(t.Size())}
	made[t] = s
	switch kind := t.Kind(); {
	case r.decodesItself(t):
	case kind == reflect.Pointer:
		s.form, s.elem = pointer, r.shape(t.Elem(), made)
	case kind == reflect.Slice, kind == reflect.Array:
		s.form, s.elem = array, r.shape(t.Elem(), made)
		if kind == reflect.Slice {
			s.form = slice
		}
	case kind == reflect.Map:
		s.form, s.key, s.elem = mapping, r.shape(t.Key(), made), r.shape(t.Elem(), made)
	case kind == reflect.Struct:
		s.form = record
		r.addFields(s, t, made)
	case kind == reflect.Interface && t.NumMethod() == 0:
		s.form, s.key, s.elem = anything, r.shape(reflect.TypeFor[string](), made), s
	case kind == reflect.String:
		s.form = text
	case kind == reflect.Bool:
		s.form = boolean
	case kind >= reflect.Int && kind <= reflect.Float64:
		s.form = number
	default:
		s.form = other
	}
	return s
}

// decodesItself reports whether t takes its bytes and decodes them on its own terms.
func (r *rules) decodesItself(t reflect.Type) bool {
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		t = reflect.PointerTo(t)
	}
	for _, i := range r.self {
		if t.Implements(i) {
			return true
		}
	}
	return false
}

// addFields finds the fields of a struct by the names that they have in a body. Of several with one name it is the larger
// one that counts.
func (r *rules) addFields(s *shape, t reflect.Type, made map[reflect.Type]*shape) {
	s.fields = map[string]*shape{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous && f.Type.Kind() == reflect.Pointer {
			s.embedded += int(f.Type.Elem().Size())
		}
		if !f.IsExported() {
			continue
		}
		name := f.Name
		for _, key := range r.tags {
			if tag := f.Tag.Get(key); tag != "" {
				if of, _, _ := strings.Cut(tag, ","); of != "" {
					name = of
				}
				break
			}
		}
		field := r.shape(f.Type, made)
		for _, name := range []string{name, r.name(name)} {
			if was := s.fields[name]; was == nil || was.form <= boolean {
				s.fields[name] = field
			}
		}
	}
}

// maxPointers is how many pointers to pointers are followed: a type may be a pointer to itself.
const maxPointers = 8

// field returns the shape of the field that is called name.
func (r *rules) field(s *shape, name []byte) *shape {
	f := s.fields[string(name)]
	if f == nil {
		f = s.fields[r.name(string(name))]
	}
	if f == nil {
		return skipped
	}
	return f
}
