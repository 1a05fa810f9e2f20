package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// TestMain: the tests' own program is the child too.
func TestMain(m *testing.M) {
	if trial.IsChild() {
		os.Exit(trial.Child(os.Stdout, runners()))
	}
	goleak.VerifyTestMain(m)
}

// TestTiny runs a tiny batch through real children, and looks at everything that is written.
func TestTiny(t *testing.T) {
	for _, tc := range []struct{ table, scenario, peers, key string }{
		{"streams", "bulk-1", "gantline,yamux", "mbps"},
		{"calls", "call-64", "gantline,net/rpc", "rate"},
		{"messages", "flight-64", "gantline", "rate"},
	} {
		t.Run(tc.table, func(t *testing.T) {
			dir := t.TempDir()
			file := func(name string) string { return filepath.Join(dir, name) }
			var out, diag bytes.Buffer
			var docs []batch.Document
			// A busy machine may not get to any of it in an instant.
			for d := 150 * time.Millisecond; ; d *= 4 {
				args := []string{tc.table, "-scenario", tc.scenario, "-peers", tc.peers, "-reps", "1", "-time", d.String(), "-keep",
					"-json", file("b.json"), "-md", file("b.md"), "-svg", file("charts")}
				if code := run(t.Context(), args, &out, &diag); code != 0 {
					t.Fatalf("exit code %d: %s", code, diag.String())
				}
				docs = nil
				if err := json.Unmarshal(read(t, file("b.json")), &docs); err != nil {
					t.Fatal(err)
				}
				none := func(r batch.Row) bool { return r.Failed == "" && r.Figure[tc.key] <= 0 }
				if d > 2*time.Second || !slices.ContainsFunc(docs[0].Batches[0].Rows, none) {
					break
				}
			}
			rows := docs[0].Batches[0].Rows
			if len(rows) != 2+strings.Count(tc.peers, ",") {
				t.Errorf("%d rows", len(rows))
			}
			for _, r := range rows {
				if r.Failed != "" || r.Figure[tc.key] <= 0 {
					t.Errorf("%+v", r)
				}
			}
			md := string(read(t, file("b.md")))
			chart := tc.table + "-" + tc.scenario + ".svg"
			for _, want := range []string{"**gantline**", "gantline.Config{}: all", "charts/" + chart, "x raw"} {
				if !strings.Contains(md, want) {
					t.Errorf("there is no %q in\n%s", want, md)
				}
			}
			if !bytes.HasPrefix(read(t, filepath.Join(file("charts"), chart)), []byte("<svg")) {
				t.Error("the chart is not one")
			}
		})
	}
}

// TestTinyCurve runs two points of a curve and one of another.
func TestTinyCurve(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	var out, diag bytes.Buffer
	args := []string{"growth", "-scenario", "streams-1,streams-4,ends-10", "-peers", "gantline", "-reps", "1", "-time", "150ms", "-keep",
		"-json", file("b.json"), "-md", file("b.md"), "-svg", file("charts")}
	if code := run(t.Context(), args, &out, &diag); code != 0 {
		t.Fatalf("exit code %d: %s", code, diag.String())
	}
	var docs []batch.Document
	if err := json.Unmarshal(read(t, file("b.json")), &docs); err != nil {
		t.Fatal(err)
	}
	for _, b := range docs[0].Batches {
		if r := b.Row(trial.Ours); r == nil || r.Failed != "" || r.Figure[b.Scenario.Columns[0].Key] <= 0 {
			t.Errorf("%s: %+v", b.Scenario.Name, r)
		}
		if b.Scenario.Point == nil || b.Scenario.Point.X <= 0 {
			t.Errorf("%s has lost its place: %+v", b.Scenario.Name, b.Scenario.Point)
		}
	}
	md := string(read(t, file("b.md")))
	for _, want := range []string{"| streams | MB/s in all: raw | **gantline** | x raw |", "\n| 1 |", "\n| 4 |", "\n| 10 |", "charts/growth-streams.svg", "charts/growth-ends.svg"} {
		if !strings.Contains(md, want) {
			t.Errorf("there is no %q in\n%s", want, md)
		}
	}
	if !bytes.Contains(read(t, filepath.Join(file("charts"), "growth-streams.svg")), []byte("<path class=\"gantline")) {
		t.Error("the chart has no line of ours")
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct {
		args string
		code int
		out  string // in what is printed
		diag string // in the complaints
	}{
		{"", 2, "", "Usage:"},
		{"-help", 0, "", "smoke"},
		{"streams -nonsense", 2, "", "nonsense"},
		{"-list", 0, "jetstream", ""},
		{"calls -list", 0, "call-1024", ""},
		{"nothing", 1, "", "gantline: bench: no table \"nothing\"; there are streams, calls, messages, resume, checksum, memory, growth\n"},
		{"streams more", 1, "", "gantline: bench: \"more\" is not a flag"},
		{"streams -peers nobody", 1, "", "gantline: bench: no peer \"nobody\" here"},
		{"streams -reps 0", 1, "", "gantline: bench: -reps 0"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			var out, diag bytes.Buffer
			if code := run(t.Context(), strings.Fields(tc.args), &out, &diag); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if !strings.Contains(out.String(), tc.out) || !strings.Contains(diag.String(), tc.diag) {
				t.Errorf("printed %q, complained %q", out.String(), diag.String())
			}
		})
	}
}

// TestTables: names are unique, every scenario has columns, and raw and gantline come first.
func TestTables(t *testing.T) {
	for _, table := range tables() {
		if runners()[table.Name] == nil {
			t.Errorf("nobody runs %s", table.Name)
		}
		if table.Peers[0].Name != trial.Raw || table.Peers[1].Name != trial.Ours {
			t.Errorf("%s: %v", table.Name, table.Peers)
		}
		seen := map[string]bool{}
		for _, s := range table.Scenarios {
			if seen[s.Name] || len(s.Columns) == 0 || s.Title == "" {
				t.Errorf("%s %q", table.Name, s.Name)
			}
			seen[s.Name] = true
			if s.Judge != "" && !slices.ContainsFunc(s.Columns, func(c trial.Column) bool { return c.Key == s.Judge }) {
				t.Errorf("%s %s is judged by %q, which it has not", table.Name, s.Name, s.Judge)
			}
		}
	}
}
