package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A quoted is what stands between backticks; a path has a folder, or ends like a file of ours.
var (
	quoted   = regexp.MustCompile("`([^`]+)`")
	filePath = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+$|^[\w.-]+\.(go|md|pml|mod)$`)
)

// docLines returns the lines of a page below docs/.
func docLines(t *testing.T, page string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../docs", page))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}

// wantPath fails the test if the repository has no file or folder of that name.
func wantPath(t *testing.T, page string, line int, name string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("../..", filepath.FromSlash(name))); err != nil {
		t.Errorf("docs/%s:%d: %s is not in the repository: name the file as it is called now", page, line, name)
	}
}

// TestHouseTour: the files that the tour leads through are there, and each line of it names one.
func TestHouseTour(t *testing.T) {
	const page = "TOUR.md"
	step := regexp.MustCompile(`^\d+\. `)
	n := 0
	for i, line := range docLines(t, page) {
		found := 0
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			if filePath.MatchString(m[1]) {
				wantPath(t, page, i+1, m[1])
				found++
			}
		}
		if step.MatchString(line) && found == 0 {
			t.Errorf("docs/%s:%d: this step names no file", page, i+1)
		}
		n += found
	}
	if n < 50 {
		t.Errorf("docs/%s names %d files: does this test still read it?", page, n)
	}
}

// TestHouseLimits: the files that decide about limits are there.
func TestHouseLimits(t *testing.T) {
	const page = "LIMITS.md"
	where, n := -1, 0
	for i, line := range docLines(t, page) {
		if !strings.HasPrefix(line, "|") {
			where = -1
			continue
		}
		cells := strings.Split(line, "|")
		if where < 0 {
			for c, head := range cells {
				if strings.TrimSpace(head) == "where" {
					where = c
				}
			}
			continue
		}
		if where >= len(cells) || strings.HasPrefix(line, "|--") {
			continue
		}
		names := quoted.FindAllStringSubmatch(cells[where], -1)
		if len(names) == 0 {
			t.Errorf("docs/%s:%d: this limit names no file", page, i+1)
		}
		for _, m := range names {
			wantPath(t, page, i+1, m[1])
			n++
		}
	}
	if n < 30 {
		t.Errorf("docs/%s names %d files: does this test still read it?", page, n)
	}
}
