package house

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// habit is something that a file of the repository must not contain.
type habit struct {
	pattern *regexp.Regexp
	applies func(path string) bool
	instead string
}

var habits = []habit{
	{
		regexp.MustCompile(`\btime\.Sleep\(`),
		func(p string) bool { return isTestFile(p) && !underDir(p, "chaos", "examples", "bench") },
		"use testing/synctest over memnet, or wait for a condition",
	},
	{
		regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`),
		func(p string) bool { return p != "internal/house/habits_test.go" },
		"do it, or write it down where it is planned",
	},
	{
		regexp.MustCompile(`panic\("(not |un)implemented`),
		func(p string) bool { return p != "internal/house/habits_test.go" },
		"leave out what does not exist yet",
	},
}

func isTestFile(p string) bool { return strings.HasSuffix(p, "_test.go") }

func underDir(p string, dirs ...string) bool {
	for _, d := range dirs {
		if strings.HasPrefix(p, d+"/") {
			return true
		}
	}
	return false
}

// TestHouseHabits reads every Go file for what we do not do.
func TestHouseHabits(t *testing.T) {
	for _, p := range goFiles(t) {
		for n, line := range strings.Split(string(readFile(t, p)), "\n") {
			for _, h := range habits {
				if h.applies(p) && h.pattern.MatchString(line) {
					t.Errorf("%s:%d: %s: %s", p, n+1, strings.TrimSpace(line), h.instead)
				}
			}
		}
	}
}

// TestHouseLeaks: every package of the core that has tests looks for goroutines that they left.
func TestHouseLeaks(t *testing.T) {
	for _, p := range corePackages(t, "linux") {
		files := append(p.TestGoFiles, p.XTestGoFiles...)
		if len(files) == 0 {
			continue
		}
		found := false
		for _, name := range files {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(src), "goleak.VerifyTestMain(")
		}
		if !found {
			t.Errorf("%s: no test file calls goleak.VerifyTestMain in TestMain", path.Join(coreModule, p.rel()))
		}
	}
}
