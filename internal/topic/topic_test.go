package topic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestCheckTopic(t *testing.T) {
	for _, tc := range []struct{ name, topic, pattern string }{ // parts of the errors; "" = fine
		{"a", "", ""},
		{"a.b.c", "", ""},
		{"orders.new", "", ""},
		{"with space/and\x00", "", ""},
		{strings.Repeat("x", 255), "", ""},
		{strings.Repeat("x", 256), "256 bytes, the limit is 255", "256 bytes, the limit is 255"},
		{"", "empty", "empty"},
		{".", "empty part", "empty part"},
		{".a", "empty part", "empty part"},
		{"a.", "empty part", "empty part"},
		{"a..b", "empty part", "empty part"},
		{"*", "wildcards", ""},
		{">", "wildcards", ""},
		{"a.*.b", "wildcards", ""},
		{"a.>", "wildcards", ""},
		{"*.>", "wildcards", ""},
		{"a.>.b", "wildcards", "must be the last"},
		{">.b", "wildcards", "must be the last"},
		{">.>", "wildcards", "must be the last"},
		{"a*.b>.>c.**", "", ""}, // only a whole part is a wildcard
	} {
		for kind, check := range map[string]struct {
			err  error
			want string
		}{"topic": {Check(tc.name), tc.topic}, "pattern": {CheckPattern(tc.name), tc.pattern}} {
			if check.want == "" && check.err != nil || check.want != "" && (check.err == nil || !strings.Contains(check.err.Error(), check.want)) {
				t.Errorf("%s %q: %v, want %q", kind, tc.name, check.err, check.want)
			}
		}
	}
}

func TestTopicTreeMatch(t *testing.T) {
	var tree Tree[string]
	for _, p := range []string{"a", "a.b", "a.*", "a.>", "a.*.c", "a.b.*", "*.b.c.d", "x.>", "x.*.>", "x.y.*.>", "l.*.>", "m.*"} {
		if !tree.Add(p, p) {
			t.Fatalf("%q is taken", p)
		}
		if tree.Add(p, p) {
			t.Fatalf("%q was added twice", p)
		}
	}
	for topic, want := range map[string]string{
		"a": "a", "a.b": "a.b", "a.c": "a.*", "a.b.c": "a.b.*", "a.c.c": "a.*.c", "a.c.d": "a.>",
		"a.b.c.d": "a.>", // from the left: a literal "a" is more specific than "*"
		"z.b.c.d": "*.b.c.d", "x.y": "x.>", "x.y.z": "x.*.>", "x.y.z.z": "x.y.*.>", "x.q.z.z": "x.*.>",
		"l.a": "", "l.a.b": "l.*.>", "m": "", "m.a": "m.*", "m.a.b": "", "b": "", "": "", "x": "",
		"x.": "x.>", "A": "", "*": "", "a.*": "a.*",
	} {
		got, ok := tree.Match([]byte(topic))
		if got != want || ok != (want != "") {
			t.Errorf("match(%q) = %q, %v, want %q", topic, got, ok, want)
		}
	}
}

// covers is the plain definition that the tree must agree with.
func covers(pattern, topic string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(topic, ".")
	for i := range p {
		if p[i] == ">" {
			return len(s) > i
		}
		if i >= len(s) || p[i] != "*" && p[i] != s[i] {
			return false
		}
	}
	return len(p) == len(s)
}

// moreSpecific orders patterns that cover the same topic.
func moreSpecific(a, b string) bool {
	rank := func(part string) int { return 1 + slices.Index([]string{"*", ">"}, part) }
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		if r, s := rank(x[i]), rank(y[i]); r != s {
			return r < s
		}
	}
	return len(x) > len(y)
}

// TestTopicTreeRandom compares the tree with the definition while patterns come and go.
func TestTopicTreeRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	name := func(parts ...string) string {
		var s []string
		for range 1 + rng.IntN(4) {
			s = append(s, parts[rng.IntN(len(parts))])
		}
		return strings.Join(s, ".")
	}
	var tree Tree[string]
	live := map[string]bool{}
	for range 3000 {
		p := name("a", "b", "c", "*", ">")
		if CheckPattern(p) != nil {
			continue
		}
		if live[p] {
			tree.Remove(p)
			delete(live, p)
		} else if live[p] = tree.Add(p, p); !live[p] {
			t.Fatalf("add(%q) = false", p)
		}
		for range 3 {
			topic, want := name("a", "b", "c"), ""
			for q := range live {
				if covers(q, topic) && (want == "" || moreSpecific(q, want)) {
					want = q
				}
			}
			if got, ok := tree.Match([]byte(topic)); got != want || ok != (want != "") {
				t.Fatalf("match(%q) = %q, %v, want %q of %v", topic, got, ok, want, live)
			}
		}
	}
	for p := range live {
		tree.Remove(p)
		tree.Remove(p) // a second time is harmless
	}
	if !tree.Empty() {
		t.Errorf("removed everything, left is %+v", tree)
	}
}

func TestTopicTreeRemoveUnknown(t *testing.T) {
	var tree Tree[int]
	for _, p := range []string{"a", "a.*", "a.>", "*.b"} {
		tree.Remove(p)
	}
	tree.Add("a.*.c", 1)
	for _, p := range []string{"a.*", "a.*.*", "a.*.c.d", "b.*.c", "a.>", "*.>"} {
		tree.Remove(p)
	}
	if v, ok := tree.Match([]byte("a.b.c")); v != 1 || !ok {
		t.Errorf("removing others lost the pattern: %v, %v", v, ok)
	}
}

func TestTopicTreeAllocations(t *testing.T) {
	var tree Tree[int]
	tree.Add("a.b.c", 1)
	tree.Add("a.*.d.>", 2)
	for _, topic := range []string{"a.b.c", "a.b.d.e.f", "z"} {
		b := []byte(topic)
		if n := testing.AllocsPerRun(100, func() { tree.Match(b) }); n != 0 {
			t.Errorf("match(%q) allocates %v times", topic, n)
		}
	}
}

func FuzzTopicTree(f *testing.F) {
	f.Add("a.*\na.>\na.b", "a.b")
	f.Add("*.*.*\n>\na.*.c", "a.b.c")
	f.Fuzz(func(t *testing.T, patterns, topic string) {
		var tree Tree[string]
		want := ""
		for p := range strings.SplitSeq(patterns, "\n") {
			if CheckPattern(p) != nil {
				continue
			}
			tree.Add(p, p)
			if covers(p, topic) && (want == "" || moreSpecific(p, want)) {
				want = p
			}
		}
		if got, ok := tree.Match([]byte(topic)); Check(topic) == nil && (got != want || ok != (want != "")) {
			t.Errorf("match(%q) = %q, %v, want %q", topic, got, ok, want)
		}
		for p := range strings.SplitSeq(patterns, "\n") {
			if CheckPattern(p) == nil {
				tree.Remove(p)
			}
		}
		if !tree.Empty() {
			t.Errorf("left over: %+v", tree)
		}
	})
}

func BenchmarkTopicMatch(b *testing.B) {
	var tree Tree[int]
	for i := range 100 {
		tree.Add(fmt.Sprintf("jobs.%d.>", i), i)
		tree.Add(fmt.Sprintf("exact.%d", i), i)
	}
	for _, topic := range []string{"exact.50", "jobs.50.run.now", "nobody.listens"} {
		b.Run(topic, func(b *testing.B) {
			name := []byte(topic)
			for b.Loop() {
				tree.Match(name)
			}
		})
	}
}
