package chaos

import (
	"os"
	"strings"
	"testing"
)

// TestGrammarDocumented: the printed help agrees with the package comment, and its
// examples are rules.
func TestGrammarDocumented(t *testing.T) {
	src, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var doc strings.Builder
	for line := range strings.Lines(string(src)) {
		line = strings.TrimPrefix(line, "//")
		doc.WriteString(strings.TrimLeft(line, "\t "))
	}
	for line := range strings.Lines(Grammar) {
		if !strings.Contains(doc.String(), strings.TrimLeft(line, " ")) {
			t.Errorf("doc.go lacks the line %q", line)
		}
	}
	_, examples, ok := strings.Cut(Grammar, "always on all).\n\n")
	if !ok {
		t.Fatal("no examples")
	}
	for line := range strings.Lines(examples) {
		text, _, _ := strings.Cut(line, " ")
		if r, err := ParseRule(text); err != nil || r.String() != text {
			t.Errorf("example %q: %v, %v", text, r, err)
		}
	}
	for _, k := range kinds[1:] {
		if !strings.Contains(Grammar, `"`+k.name+`"`) {
			t.Errorf("the grammar lacks %s", k.name)
		}
	}
}
