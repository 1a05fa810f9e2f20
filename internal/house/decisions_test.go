package house

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// decisionRow is a row of the index of decisions: number, file, question, answer, status.
var decisionRow = regexp.MustCompile(`(?m)^\| \[(\d{4})\]\(([^)]+)\) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)

// TestHouseDecisions: the index lists every record once, in order, with its question, its answer and its status.
func TestHouseDecisions(t *testing.T) {
	dir := os.DirFS("../../docs/decisions")
	index, err := fs.ReadFile(dir, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range decisionRow.FindAllStringSubmatch(string(index), -1) {
		number, file, question, status := row[1], row[2], row[3], row[5]
		listed = append(listed, file)
		if !strings.HasPrefix(file, number+"-") {
			t.Errorf("docs/decisions/README.md: number %s links to %s", number, file)
		}
		if !strings.HasSuffix(question, "?") {
			t.Errorf("docs/decisions/README.md: the question of %s is none: %s", number, question)
		}
		if status != "accepted" && !regexp.MustCompile(`^replaced by \d{4}$`).MatchString(status) {
			t.Errorf("docs/decisions/README.md: the status of %s is %q, want \"accepted\" or \"replaced by\" and a number", number, status)
		}
	}
	records, err := fs.Glob(dir, "[0-9]*.md")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(listed, records) {
		t.Errorf("docs/decisions/README.md lists %v, the folder has %v", listed, records)
	}
	for i, file := range records {
		text, err := fs.ReadFile(dir, file)
		if err != nil {
			t.Fatal(err)
		}
		if number := file[:4]; !strings.HasPrefix(string(text), "# "+number+": ") {
			t.Errorf("docs/decisions/%s does not begin with \"# %s: \"", file, number)
		} else if i > 0 && records[i-1][:4] == number {
			t.Errorf("docs/decisions: %s and %s have the same number", records[i-1], file)
		}
	}
}
