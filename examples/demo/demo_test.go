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

	"github.com/gantline-project/gantline"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" { // this program is the server process of a test
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

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
		{"restart", "-restart 1s -cut 150ms -size 24 -rate 10 -messages 500", 0, "verdict: ok"},
		{"restart shows", "-restart 1s -cut 0 -size 12 -rate 8", 0, "stream ended with ErrSessionLost and was opened again"},
		{"no such file", "-file " + some + ".not", 2, "no such file"},
		{"a folder", "-file " + filepath.Dir(some), 2, "not a regular file"},
		{"bad flag", "-wrong", 2, "-wrong"},
		{"bad rate", "-rate -1", 2, "-rate -1"},
		{"bad restart", "-restart 10ms", 2, "-restart 10ms: it must be 0 (never) or at least 1s"},
		{"bad cut", "-cut 1ms", 2, "-cut 1ms: it must be 0 (never) or at least 20ms"},
		{"not a duration", "-restart often", 2, "-restart"},
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
	id := gantline.NewMessageID()
	faults := map[string]func(d *demo){
		"file:":                                    func(d *demo) { d.server.File.SHA256 = []byte("other") },
		"call 3 ran 2 times":                       func(d *demo) { d.books.write(ran, 3, id) },
		"call 2 was answered and did not run":      func(d *demo) { delete(d.books.runs, 2) },
		"call 1 was reported as not sent and ran":  func(d *demo) { d.client.write(unsent, 1, id) },
		"call 1: its outcome is unknown":           func(d *demo) { d.client.write(unknown, 1, id) },
		"call 4 has no outcome":                    func(d *demo) { d.client.write(began, 4, id) },
		"call 9 ran and was never made":            func(d *demo) { d.client.write(ran, 9, id) },
		"3 messages acked, not 4":                  func(d *demo) { d.client.write(sending, 4, id) },
		"message 1 was handed out 2 times":         func(d *demo) { d.client.write(got, 1, id) },
		"message 2 was handed out 0 times":         func(d *demo) { delete(d.books.messages, 2) },
		"message 5 came after message 3":           func(d *demo) { d.client.complain("message 5 came after message 3") },
		"server: what it did not like":             func(d *demo) { d.server.Wrong = []string{"server: what it did not like"} },
		"4 messages arrived, 3 were sent":          func(d *demo) { d.books.write(got, 4, id) },
		"server -> client: call 3 ran 2 times":     func(d *demo) { d.client.write(ran, 3, id) },
		"server -> client: call 4 has no outcome":  func(d *demo) { d.books.write(began, 4, id) },
		"client -> server: call 2 ran 2 times":     func(d *demo) { d.books.write(ran, 2, id) },
		"client -> server: 4 messages acked, not ": func(d *demo) { d.client.write(acked, 3, id) },
	}
	for want, fault := range faults {
		d := newDemo(options{}, &source{})
		d.server.File = file{SHA256: d.sum.Sum(nil)}
		for _, l := range []*ledger{d.client.ledger, d.books} {
			for n := int64(1); n <= 3; n++ {
				for _, kind := range []byte{began, right, ran, sending, acked, got} {
					l.write(kind, n, id)
				}
			}
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

// TestLedger: a file returns what was written, except a message that only another process could have acked.
func TestLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	a, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	n := a.call()
	a.write(right, n, gantline.MessageID{})
	_, first := a.message()
	two, _ := a.message()
	a.write(acked, two, gantline.MessageID{})
	a.hand(7, first)
	a.write(replay, 99, gantline.MessageID{})
	if !a.Seen(first) || a.Seen(gantline.NewMessageID()) {
		t.Error("Seen is wrong about an id")
	}
	a.f.Close()
	b, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.f.Close()
	if b.sums() != a.sums() || !b.Seen(first) || b.unacked[1] != first || len(b.unacked) != 1 || b.Last != 7 || b.Replayed != 99 {
		t.Errorf("%+v came back as %+v", a.sums(), b.sums())
	}
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLedger(path); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a broken ledger: %v", err)
	}
}
