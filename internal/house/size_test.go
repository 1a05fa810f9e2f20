package house

import (
	"bytes"
	"testing"
)

// A file has one concern. About softLines of them show it; beyond hardLines
// nobody reads it as a whole.
const (
	softLines = 300
	hardLines = 500
)

// TestHouseFileSize also lists, with -v, the files that are on their way to become too long.
func TestHouseFileSize(t *testing.T) {
	for _, path := range goFiles(t) {
		switch lines := bytes.Count(readFile(t, path), []byte("\n")); {
		case lines > hardLines:
			t.Errorf("%s has %d lines, at most %d: split it by concern", path, lines, hardLines)
		case lines > softLines:
			t.Logf("%s has %d lines, more than %d: does it have one concern?", path, lines, softLines)
		}
	}
}
