package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"
)

// maxFirstSentence is how many words the first sentence of a comment may have: it stands alone in lists.
const maxFirstSentence = 20

// TestHouseFirstSentences: what godoc shows in a list can be read in one breath. It looks at every declaration of the
// core, exported or not.
func TestHouseFirstSentences(t *testing.T) {
	dirs := map[string]bool{}
	for _, p := range corePackages(t, "linux") {
		dirs[p.rel()] = true
	}
	for _, name := range goFiles(t) {
		if !dirs[path.Dir(name)] || isTestFile(name) || underDir(name, "examples", "chaos") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, readFile(t, name), parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range docComments(f) {
			s := firstSentence(c.Text())
			if n := len(strings.Fields(s)); n > maxFirstSentence {
				t.Errorf("%s: the first sentence has %d words, at most %d: say the rest in a second one\n\t%s", fset.Position(c.Pos()), n, maxFirstSentence, s)
			}
		}
	}
}

// docComments returns the comments of the file and of its declarations.
func docComments(f *ast.File) (list []*ast.CommentGroup) {
	add := func(c *ast.CommentGroup) {
		if c != nil {
			list = append(list, c)
		}
	}
	add(f.Doc)
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			add(d.Doc)
		case *ast.GenDecl:
			add(d.Doc)
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					add(s.Doc)
				case *ast.ValueSpec:
					add(s.Doc)
				}
			}
		}
	}
	return list
}

// firstSentence returns text up to its first full stop that a space or the end follows, or up to a list.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, "\n\n")
	text = strings.Join(strings.Fields(text), " ")
	for i := range text {
		if text[i] == '.' && (i+1 == len(text) || text[i+1] == ' ') {
			return text[:i+1]
		}
	}
	return text
}

// TestFirstSentence: what counts as one.
func TestFirstSentence(t *testing.T) {
	for text, want := range map[string]string{
		"One. Two.":                    "One.",
		"One is 0.5 s.\nTwo.":          "One is 0.5 s.",
		"One:\n\n  - a list of things": "One:",
		"No stop":                      "No stop",
	} {
		if got := firstSentence(text); got != want {
			t.Errorf("of %q: %q, want %q", text, got, want)
		}
	}
}

// avoided are words that comments of product files do without, and what they say instead.
var avoided = []struct {
	pattern *regexp.Regexp
	except  *regexp.Regexp // nil = none
	instead string
}{
	{regexp.MustCompile(`\bbehind\b`), regexp.MustCompile(`behind (a proxy|NAT)`), "after, for time"},
	{regexp.MustCompile(`\b(is|are|was) told\b`), nil, "is called with, learns"},
	{regexp.MustCompile(`\bhears? of\b`), nil, "learns of"},
	{regexp.MustCompile(`\bbooks? (that|it|as|the)\b`), nil, "records that"},
}

// TestHouseWords: comments of product files are in plain words.
func TestHouseWords(t *testing.T) {
	for _, name := range goFiles(t) {
		if isTestFile(name) || underDir(name, "bench") {
			continue
		}
		for n, line := range strings.Split(string(readFile(t, name)), "\n") {
			_, comment, _ := strings.Cut(line, "//")
			for _, a := range avoided {
				if a.pattern.MatchString(comment) && (a.except == nil || !a.except.MatchString(comment)) {
					t.Errorf("%s:%d: %s: say %s", name, n+1, strings.TrimSpace(line), a.instead)
				}
			}
		}
	}
}
