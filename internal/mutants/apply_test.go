package mutants

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the folder of the repository.
const root = "../.."

// mutant is one mistake.
type mutant struct {
	name  string // what the mistake is
	file  string
	edits []edit
	pkg   string // whose test notices
	test  string // its name
	flags []string
}

type edit struct{ old, new string }

// apply returns the file with the mistake in it.
func (m *mutant) apply(t *testing.T) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for _, e := range m.edits {
		if n := strings.Count(text, e.old); n != 1 {
			t.Fatalf("%s holds this text %d times and not once, so the mutant does not apply any more: find where the mistake would be made now\n%s", m.file, n, e.old)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return []byte(text)
}

// TestApplies: each mutant changes lines that are there, and names a test that there is.
func TestApplies(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range all() {
		t.Run(m.name, func(t *testing.T) {
			if seen[m.name] {
				t.Error("two mutants have this name")
			}
			seen[m.name] = true
			m.apply(t)
			files, err := filepath.Glob(filepath.Join(root, m.pkg, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				src, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(src), "func "+m.test+"(") {
					return
				}
			}
			t.Errorf("there is no %s in %s", m.test, m.pkg)
		})
	}
}
