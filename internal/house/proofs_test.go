package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	proofTicks = regexp.MustCompile("`([^`]+)`")
	proofName  = regexp.MustCompile(`^(Test|Example|Fuzz|Benchmark)([A-Z_]\w*)?$`)
	proofLink  = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
)

// TestHouseProofs: what docs/PROOFS.md names exists, and each promise of the README that is kept has a line there.
func TestHouseProofs(t *testing.T) {
	repo := os.DirFS("../..")
	readme, proofs := proofText(t, repo, "README.md"), proofText(t, repo, "docs/PROOFS.md")
	if strings.Contains(readme, "_test.go") {
		t.Error("README.md names a test file: its readers want to know what they get, docs/PROOFS.md has the tests")
	}

	declared := proofDecls(t, repo)
	promises := map[string]bool{}
	for n, line := range strings.Split(proofs, "\n") {
		for _, m := range proofLink.FindAllStringSubmatch(line, -1) {
			if name := path.Join("docs", m[1]); !proofExists(repo, name) {
				t.Errorf("docs/PROOFS.md:%d: there is no %s", n+1, name)
			}
		}
		what, shown, ok := proofRow(line)
		if !ok {
			continue
		}
		promises[what] = true
		dir, found := "", 0
		for _, m := range proofTicks.FindAllStringSubmatch(shown, -1) {
			switch name := m[1]; {
			case name == "root":
				dir = "."
			case proofName.MatchString(name):
				found++
				if dir == "" {
					t.Errorf("docs/PROOFS.md:%d: %s has no package before it", n+1, name)
				} else if !declared[path.Join(dir, name)] {
					t.Errorf("docs/PROOFS.md:%d: package %s has no %s", n+1, dir, name)
				}
			case strings.HasPrefix(name, "go run "), strings.HasPrefix(name, "make "):
				found++ // the text says what the command shows
			case proofExists(repo, name):
				dir = name
			default:
				t.Errorf("docs/PROOFS.md:%d: %s is neither a package nor a test", n+1, name)
			}
		}
		if found == 0 {
			t.Errorf("docs/PROOFS.md:%d: %q names no test and no command", n+1, what)
		}
	}

	_, table, _ := strings.Cut(readme, "\n## What you get\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for line := range strings.SplitSeq(table, "\n") {
		what, shown, ok := proofRow(line)
		if !ok {
			continue
		}
		rows++
		switch planned := strings.HasPrefix(shown, "planned"); {
		case planned && promises[what]:
			t.Errorf("README.md says that %q is planned, docs/PROOFS.md has tests of it", what)
		case !planned && !promises[what]:
			t.Errorf("README.md promises %q, docs/PROOFS.md has no line of these words", what)
		}
	}
	if rows < 10 {
		t.Errorf("README.md has %d lines in its table of proofs, under \"What you get\"", rows)
	}
}

// proofRow splits a row of a table with two columns.
func proofRow(line string) (what, shown string, ok bool) {
	cells := strings.Split(strings.TrimSpace(line), "|")
	if len(cells) != 4 || strings.HasPrefix(cells[1], "---") {
		return "", "", false
	}
	what, shown = strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
	heading := what == "you get" || what == "question" || what == ""
	return what, shown, !heading
}

func proofText(t *testing.T, repo fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(repo, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func proofExists(repo fs.FS, name string) bool {
	_, err := fs.Stat(repo, name)
	return err == nil
}

// proofDecls returns every test, example, fuzz target and benchmark as folder/name.
func proofDecls(t *testing.T, repo fs.FS) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	fset := token.NewFileSet()
	err := fs.WalkDir(repo, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, name, proofText(t, repo, name), parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && proofName.MatchString(fn.Name.Name) {
				declared[path.Join(path.Dir(name), fn.Name.Name)] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return declared
}
