package vectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// line is how a step stands in a file.
type line struct {
	From    string `json:"from,omitempty"`
	Frame   string `json:"frame,omitempty"`
	ID      uint64 `json:"id,omitempty"`
	Bytes   string `json:"bytes,omitempty"`
	Lost    bool   `json:"lost,omitempty"`
	Crosses bool   `json:"crosses,omitempty"`
	Again   bool   `json:"again,omitempty"`
	App     string `json:"app,omitempty"`
	Carrier string `json:"carrier,omitempty"`
	Wait    int    `json:"wait_ms,omitempty"`
	Note    string `json:"note,omitempty"`
	After   *after `json:"after,omitempty"`
}

// transcript is how a script stands in a file.
type transcript struct {
	Name     string   `json:"name"`
	About    string   `json:"about"`
	Sections []string `json:"sections"`
	Parts    []string `json:"parts"`
	Secret   string   `json:"session_secret,omitempty"`
	Steps    []line   `json:"steps"`
}

func (x *script) transcript() transcript {
	out := transcript{Name: x.name, About: x.about, Sections: x.rules, Parts: x.parts}
	if x.keys != nil {
		out.Secret = hex.EncodeToString(x.keys.secret)
	}
	for _, s := range x.steps {
		if s.app != "" && s.note == "" {
			continue // a look at what the step before it says
		}
		l := line{From: s.from, ID: s.h.ID, Bytes: hex.EncodeToString(s.bytes), Lost: s.lost, Crosses: s.cross, Again: s.again, App: s.app,
			Carrier: s.carrier, Wait: s.wait, Note: s.note, After: s.after}
		if s.h != (frame.Header{}) {
			l.Frame = s.h.Type.String()
		}
		out.Steps = append(out.Steps, l)
	}
	return out
}

// check compares the file of these scripts, and plays them.
func check(t *testing.T, name, about string, scripts []*script) {
	t.Helper()
	var all []transcript
	for _, x := range scripts {
		all = append(all, x.transcript())
	}
	golden(t, name, map[string]any{"about": about, "transcripts": all})
	for _, x := range scripts {
		playAll(t, x)
	}
}

// golden compares a file of testdata/sessions with v, or writes it.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	var b, wide bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&wide, b.Bytes(), "", " "); err != nil {
		t.Fatal(err)
	}
	got := lines(wide.Bytes())
	path := filepath.Join("../../testdata/sessions", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, got) {
		t.Errorf("%s differs from what the scripts make; run: go test ./internal/vectors -update", name)
	}
}

// lines joins what is nested deeper than a step: each step is one line.
func lines(wide []byte) (b []byte) {
	const deep = 4
	for line := range bytes.Lines(wide) {
		text := bytes.TrimLeft(line, " ")
		depth := len(line) - len(text)
		switch {
		case depth > deep, depth == deep && (text[0] == '}' || text[0] == ']') && b[len(b)-1] != '\n':
			b = append(bytes.TrimSuffix(b, []byte("\n")), bytes.TrimSuffix(text, []byte("\n"))...)
			if depth == deep {
				b = append(b, '\n')
			}
		default:
			b = append(b, line...)
		}
	}
	return b
}
