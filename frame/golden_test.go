package frame

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// hexFile is where the vectors of a type live.
func hexFile(t Type) string {
	return filepath.Join("testdata", strings.ToLower(t.String())+".hex")
}

// formatFrame writes a frame as a header line and lines of 16 payload bytes.
func formatFrame(b []byte) string {
	var s strings.Builder
	fmt.Fprintf(&s, "  %x %x %x %x\n", b[:3], b[3:4], b[4:5], b[5:HeaderLen])
	for p := b[HeaderLen:]; len(p) > 0; {
		n := min(16, len(p))
		fmt.Fprintf(&s, "  % x\n", p[:n])
		p = p[n:]
	}
	return s.String()
}

// formatFile is the content of hexFile(t).
func formatFile(t Type) string {
	var s strings.Builder
	fmt.Fprintf(&s, "# %s frames, header first; written by: go test ./frame -update\n", t)
	for i := range vectors {
		if v := &vectors[i]; v.h.Type == t {
			fmt.Fprintf(&s, "\n[%s]\n%s", v.name, formatFrame(v.bytes()))
		}
	}
	return s.String()
}

// parseFile returns the vectors of a hex file by name.
func parseFile(t *testing.T, text string) map[string][]byte {
	t.Helper()
	out, name := map[string][]byte{}, ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			name = line[1 : len(line)-1]
			if _, dup := out[name]; dup {
				t.Fatalf("line %d: vector %q appears twice", i+1, name)
			}
			out[name] = nil
		default:
			b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
			if err != nil || name == "" {
				t.Fatalf("line %d: %q: %v", i+1, line, err)
			}
			out[name] = append(out[name], b...)
		}
	}
	return out
}

// knownTypes lists every type of version 1 in numerical order.
func knownTypes() (out []Type) {
	for i := range rules {
		if rules[i].name != "" {
			out = append(out, Type(i))
		}
	}
	return out
}

func TestGolden(t *testing.T) {
	if *update {
		for _, typ := range knownTypes() {
			if err := os.WriteFile(hexFile(typ), []byte(formatFile(typ)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := map[Type]map[string][]byte{}
	for _, typ := range knownTypes() {
		text, err := os.ReadFile(hexFile(typ))
		if err != nil {
			t.Fatal(err)
		}
		files[typ] = parseFile(t, string(text))
	}
	seen := map[Type]int{}
	for i := range vectors {
		v := &vectors[i]
		seen[v.h.Type]++
		t.Run(v.h.Type.String()+"/"+v.name, func(t *testing.T) {
			b := files[v.h.Type][v.name]
			if got := v.bytes(); !bytes.Equal(got, b) {
				t.Fatalf("encoded\n%swant\n%s", formatFrame(got), formatFrame(b))
			}
			h, err := ParseHeader(b)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Header{v.h.Type, v.h.Flags, uint32(len(b) - HeaderLen), v.h.ID}); h != want {
				t.Errorf("header %+v, want %+v", h, want)
			}
			if err := h.Validate(DefaultMaxPayload); err != nil {
				t.Errorf("Validate: %v", err)
			}
			got, err := v.dec(b[HeaderLen:])
			if err != nil {
				t.Fatal(err)
			}
			if !equal(got, v.value) {
				t.Errorf("parsed %+v, want %+v", got, v.value)
			}
		})
	}
	for typ, m := range files {
		if len(m) == 0 || len(m) != seen[typ] {
			t.Errorf("%s has %d vectors, the table %d", hexFile(typ), len(m), seen[typ])
		}
	}
}

// equal is reflect.DeepEqual which takes nil and empty slices for the same.
func equal(a, b any) bool {
	return reflect.DeepEqual(normal(a), normal(b))
}

func normal(x any) any {
	src := reflect.ValueOf(x)
	if src.Kind() == reflect.Pointer {
		src = src.Elem()
	}
	if src.Kind() != reflect.Struct {
		return x
	}
	v := reflect.New(src.Type()).Elem()
	v.Set(src)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && f.Len() == 0 {
			f.SetZero()
		} else if f.Kind() == reflect.Pointer && !f.IsNil() {
			f.Set(reflect.New(f.Type().Elem()))
			f.Elem().Set(reflect.ValueOf(normal(src.Field(i).Interface())))
		}
	}
	return v.Interface()
}

// Every part of a payload is either refused or encodes to itself again.
func TestPrefixes(t *testing.T) {
	for i := range vectors {
		v := &vectors[i]
		p := v.enc(nil)
		for n := range len(p) {
			got, err := recode(Header{Type: v.h.Type, Flags: v.h.Flags}, p[:n])
			if err == nil && !bytes.Equal(got, p[:n]) {
				t.Errorf("%v %q cut to %d bytes: encodes to %x", v.h.Type, v.name, n, got)
			}
			if err != nil && !isError(err) {
				t.Errorf("%v %q cut to %d bytes: error %v is not an *Error", v.h.Type, v.name, n, err)
			}
		}
	}
}
