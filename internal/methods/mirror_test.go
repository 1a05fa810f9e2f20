package methods

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestMirror: announcements one after the other, and what is reported of them.
func TestMirror(t *testing.T) {
	for _, tt := range []struct {
		name   string
		bodies []string
		report string
		known  string
	}{
		{name: "empty", bodies: []string{""}},
		{name: "one", bodies: []string{"+\x01a"}, report: "+a", known: "a"},
		{name: "several in one", bodies: []string{"+\x01a+\x02bc-\x01a"}, report: "+a +bc -a", known: "bc"},
		{name: "twice", bodies: []string{"+\x01a+\x01a", "+\x01a"}, report: "+a", known: "a"},
		{name: "gone twice", bodies: []string{"+\x01a", "-\x01a-\x01a", "-\x01a"}, report: "+a -a"},
		{name: "gone before it came", bodies: []string{"-\x01a"}},
		{name: "and back", bodies: []string{"+\x01a", "-\x01a", "+\x01a"}, report: "+a -a +a", known: "a"},
		{name: "cut short", bodies: []string{"+", "+\x05ab", "+\x01a+", "+\x01b+\x02b"}, report: "+a +b", known: "a b"},
		{name: "an unknown sign is a minus", bodies: []string{"+\x01a", "?\x01a"}, report: "+a -a"},
		{name: "the empty name", bodies: []string{"+\x00"}, report: "+", known: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Mirror
			var report []string
			for _, body := range tt.bodies {
				if !m.Update([]byte(body), func(name string, added bool) {
					sign := "-"
					if added {
						sign = "+"
					}
					report = append(report, sign+name)
				}) {
					t.Errorf("%q is too much", body)
				}
			}
			if got := strings.Join(report, " "); got != tt.report {
				t.Errorf("reported %q, want %q", got, tt.report)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(m.known)), " "); got != tt.known {
				t.Errorf("knows %q, want %q", got, tt.known)
			}
		})
	}
}

// TestMirrorFull: at the limit names that are known may go, and then others come; the rest of an announcement that is too
// much is ignored.
func TestMirrorFull(t *testing.T) {
	var m Mirror
	n := 0
	report := func(_ string, added bool) {
		if n--; added {
			n += 2
		}
	}
	for i := range MaxMirrored {
		if !m.Update(frame.AppendMethods(nil, true, fmt.Sprint(i)), report) {
			t.Fatalf("full with %d", i)
		}
	}
	known := frame.AppendMethods(nil, true, "0")
	if !m.Update(known, report) {
		t.Error("a name that is known does not fit")
	}
	tooMany := frame.AppendMethods(frame.AppendMethods(known, true, "more"), false, "0")
	if m.Update(tooMany, report) || n != MaxMirrored || len(m.known) != n {
		t.Errorf("%d names were reported, %d are known, want %d", n, len(m.known), MaxMirrored)
	}
	swap := frame.AppendMethods(frame.AppendMethods(nil, false, "0"), true, "more")
	if !m.Update(swap, report) || n != MaxMirrored || len(m.known) != n {
		t.Errorf("one for another: %d names were reported, %d are known", n, len(m.known))
	}
	m.Clear(report)
	if n != 0 || len(m.known) != 0 {
		t.Errorf("%d names are left, of %d", len(m.known), n)
	}
}

// TestMirrorClear: the names go in order, and are forgotten before that is reported.
func TestMirrorClear(t *testing.T) {
	var m Mirror
	m.Clear(func(name string, _ bool) { t.Errorf("%q is gone", name) })
	m.Update(frame.AppendMethods(nil, true, "c", "a", "b"), func(string, bool) {})
	var gone []string
	m.Clear(func(name string, added bool) {
		gone = append(gone, name)
		if added || len(m.known) != 0 {
			t.Errorf("%q: added %v, %d names are known", name, added, len(m.known))
		}
	})
	if !slices.Equal(gone, []string{"a", "b", "c"}) {
		t.Errorf("gone are %q", gone)
	}
}
