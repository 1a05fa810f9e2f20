package frame

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// methodsOf writes what ParseMethods gives as one text: +name -name.
func methodsOf(body []byte) string {
	var out []string
	for name, added := range ParseMethods(body) {
		out = append(out, map[bool]string{true: "+", false: "-"}[added]+name)
	}
	return strings.Join(out, " ")
}

var methodBodies = []struct{ name, body, want string }{
	{"nothing", "", ""},
	{"added", "+\x01a", "+a"},
	{"removed", "-\x02ab", "-ab"},
	{"several", "+\x01a-\x01b+\x03c d", "+a -b +c d"},
	{"longest name", "+\xFF" + strings.Repeat("n", 255), "+" + strings.Repeat("n", 255)},
	{"only the first byte", "+", ""},
	{"cut name", "+\x05ab", ""},
	{"cut name of the greatest length", "+\xFF" + strings.Repeat("n", 254), ""},
	{"cut after a whole entry", "+\x01a+", "+a"},
	{"cut name after a whole entry", "+\x01a-\x02b", "+a"},
	{"nothing after what is cut", "+\x09a+\x01b", ""},
	{"any other byte", "?\x01a\x00\x01b+\x01c", "-a -b +c"},
	{"empty name", "+\x00-\x01a", "+ -a"},
}

func TestMethods(t *testing.T) {
	for _, tt := range methodBodies {
		if got := methodsOf([]byte(tt.body)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	names := []string{"a", "service/Method", strings.Repeat("n", MaxName)}
	size := 0
	for _, name := range names {
		size += MethodLen(name)
	}
	b := AppendMethods(AppendMethods([]byte("x"), true, names...), false, names[:2]...)
	if want := 1 + size + MethodLen(names[0]) + MethodLen(names[1]); len(b) != want {
		t.Errorf("%d bytes, want %d", len(b), want)
	}
	if got, want := methodsOf(b[1:]), "+a +service/Method +"+names[2]+" -a -service/Method"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for range ParseMethods(b[1:]) {
		break // and no more is asked for
	}
}

// What is parsed is the beginning of the body, and all of it unless an entry is cut short.
func FuzzMethods(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		var again []byte
		for name, added := range ParseMethods(body) {
			if len(name) > MaxName {
				t.Fatalf("a name of %d bytes", len(name))
			}
			n := len(again)
			again = AppendMethods(again, added, name)
			if len(again)-n != MethodLen(name) || len(again) > len(body) {
				t.Fatalf("%q takes %d bytes of %d", name, len(again)-n, len(body))
			}
			if added != (body[n] == '+') || !bytes.Equal(again[n+1:], body[n+1:len(again)]) {
				t.Fatalf("%q encodes to %x", body[n:len(again)], again[n:])
			}
		}
		if rest := body[len(again):]; len(rest) >= 2 && len(rest) >= 2+int(rest[1]) {
			t.Fatalf("%x was left over", rest)
		}
		if !bytes.Equal(body, before) {
			t.Fatal("the body was changed")
		}
		if got := methodsOf(again); got != methodsOf(body) {
			t.Fatalf("%q, then %q", methodsOf(body), got)
		}
	})
}

// The notifies among the vectors are what the constants and codecs of this file write.
func TestMethodsVectors(t *testing.T) {
	var names []string
	for i := range vectors {
		if o, ok := vectors[i].value.(Open); ok && len(o.Name) > 0 && o.Name[0] == ':' {
			names = append(names, string(o.Name)+" "+methodsOf(o.Body))
		}
	}
	if want := []string{":watch ", ":methods +echo +news -old"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}
