package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	some := filepath.Join(t.TempDir(), "some.txt")
	if err := os.WriteFile(some, bytes.Repeat([]byte("some bytes\n"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   string
		status int
		want   string // in what is printed
	}{
		{"generated", "-size 8 -rate 0", 0, "verdict: ok"},
		{"nothing", "-size 0", 0, "verdict: ok"},
		{"a file", "-rate 0 -file " + some, 0, "verdict: ok"},
		{"no such file", "-file " + some + ".not", 2, "no such file"},
		{"a folder", "-file " + filepath.Dir(some), 2, "not a regular file"},
		{"bad flag", "-wrong", 2, "-wrong"},
		{"bad rate", "-rate -1", 2, "-rate -1"},
		{"an argument", some, 2, "-file"},
		{"help", "-help", 0, "Usage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out bytes.Buffer
			if got := run(ctx, strings.Fields(tt.args), &out, &out); got != tt.status {
				t.Errorf("exit status %d, want %d", got, tt.status)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("printed without %q:\n%s", tt.want, out.String())
			}
		})
	}
}

// TestVerdict shows that the verdict can be wrong: each fault alone must be reported.
func TestVerdict(t *testing.T) {
	faults := map[string]func(d *demo){
		"file":             func(d *demo) { d.pulledSum = []byte("other") },
		"calls run":        func(d *demo) { d.client.executed.Add(-1) },
		"rightly answered": func(d *demo) { d.client.answered.Add(-1) },
		"messages acked":   func(d *demo) { d.server.acked.Add(-1) },
		"received":         func(d *demo) { d.server.got.Add(1) },
		"after message 3":  func(d *demo) { d.client.complain("message 5 came after message 3") },
	}
	for want, fault := range faults {
		d := &demo{src: &source{}, pushedSum: []byte("sum"), pulledSum: []byte("sum")}
		d.server.name, d.client.name = "server", "client"
		for _, p := range []*peer{&d.server, &d.client} {
			p.calls.Store(9)
			p.answered.Store(9)
			p.executed.Store(9)
			p.sent.Store(9)
			p.acked.Store(9)
			p.got.Store(9)
		}
		var out bytes.Buffer
		if d.report(&out, nil) != 0 {
			t.Fatalf("no fault: %s", out.String())
		}
		fault(d)
		out.Reset()
		if d.report(&out, nil) != 1 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", want, out.String())
		}
	}
}
