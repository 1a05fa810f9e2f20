package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/chaos"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is a run of chaosproxy.
type program struct {
	lines *bufio.Scanner
	show  chan os.Signal
	stop  context.CancelFunc
	code  chan int
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &program{bufio.NewScanner(r), make(chan os.Signal), cancel, make(chan int, 1)}
	go func() {
		defer w.Close()
		p.code <- run(ctx, args, w, io.Discard, p.show)
	}()
	t.Cleanup(func() {
		cancel()
		go io.Copy(io.Discard, r)
		<-p.code
	})
	return p
}

// line returns the next line.
func (p *program) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatal("no more lines")
	}
	return p.lines.Text()
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// reset sends ten bytes through the program and expects the rule's five to arrive.
func reset(t *testing.T, addr string, target net.Listener) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := target.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c.Write([]byte("0123456789"))
	if got, err := io.ReadAll(s); string(got) != "01234" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the target got %q, %v", got, err)
	}
}

func TestJSON(t *testing.T) {
	target := listener(t)
	p := start(t, "-target", target.Addr().String(), "-fault", "rst@up:5", "-fault", "flip.down", "-seed", "9", "-json", "-events")
	var hello struct {
		Event, Addr, Target string
		Rules               []chaos.Rule
		Seed                uint64
	}
	if err := json.Unmarshal([]byte(p.line(t)), &hello); err != nil || hello.Event != "listening" || hello.Seed != 9 || len(hello.Rules) != 2 || hello.Target != target.Addr().String() {
		t.Fatalf("first line: %+v, %v", hello, err)
	}
	reset(t, hello.Addr, target)
	var got struct {
		Event string
		Final bool
		Rule  string
		Up    int64
		chaos.Counters
	}
	for _, want := range []string{"flip.down", "rst@up:5", ""} {
		if want == "flip.down" {
			p.show <- syscall.SIGTERM // any will do
		}
		got.Rule, got.Faults = "", nil
		if err := json.Unmarshal([]byte(p.line(t)), &got); err != nil || got.Rule != want {
			t.Errorf("line: %+v, %v, want %q", got, err, want)
		}
	}
	if got.Event != "counters" || got.Final || got.BytesUp != 5 || got.Faults[chaos.RST] != 1 || got.Faults[chaos.Flip] != 1 {
		t.Errorf("counters: %+v", got)
	}
	p.stop()
	if err := json.Unmarshal([]byte(p.line(t)), &got); err != nil || !got.Final || got.Open != 0 {
		t.Errorf("last line: %+v, %v", got, err)
	}
	if code := <-p.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	p.code <- 0 // for the Cleanup
}

func TestText(t *testing.T) {
	target := listener(t)
	p := start(t, "-target", target.Addr().String(), "-fault", "rst@up:5", "-interval", "1ms", "-events")
	first := p.line(t)
	_, rest, _ := strings.Cut(first, "listening on ")
	addr, _, ok := strings.Cut(rest, ",")
	if !ok {
		t.Fatalf("first line: %q", first)
	}
	if line := p.line(t); line != "rule 1: rst@up:5" {
		t.Errorf("second line: %q", line)
	}
	go func() { // the program must not wait for a reader in the meantime
		defer p.stop()
		reset(t, addr, target)
	}()
	var event, counters string
	for p.lines.Scan() {
		switch line := p.lines.Text(); {
		case strings.HasPrefix(line, "connections "):
			counters = line
		default:
			event = line
		}
	}
	if !strings.HasSuffix(event, ": rst@up:5, connection 1, after 5 bytes up and 0 down") {
		t.Errorf("event: %q", event)
	}
	if !strings.HasPrefix(counters, "connections 1, open 0; bytes up 5, down 0;") || !strings.HasSuffix(counters, "faults rst 1") {
		t.Errorf("counters: %q", counters)
	}
}

func TestEnds(t *testing.T) {
	p := start(t, "-target", "127.0.0.1:1", "-for", "1ms")
	p.line(t)
	if last := p.line(t); !strings.HasSuffix(last, "faults none") || p.lines.Scan() {
		t.Errorf("last line: %q", last)
	}
}

func TestExitCodes(t *testing.T) {
	taken := listener(t).Addr().String()
	tests := []struct {
		args string
		code int
		want string // on stderr, or stdout for the help
	}{
		{"-help", exitOK, "latency:20ms+-5ms"},
		{"", exitUsage, "gantline: chaosproxy: no target"},
		{"-target 127.0.0.1:1 -fault rs", exitUsage, `gantline: chaos: rule "rs": there is no fault "rs"`},
		{"-target 127.0.0.1:1 more", exitUsage, `unexpected argument "more"`},
		{"-nonsense", exitUsage, "flag provided but not defined: -nonsense"},
		{"-target 192.0.2.1:1", exitUsage, "-allow-remote"},
		{"-target 127.0.0.1:1 -listen " + taken, exitFailed, "gantline: chaos: listen tcp "},
	}
	for _, tt := range tests {
		var stdout, stderr strings.Builder
		code := run(t.Context(), strings.Fields(tt.args), &stdout, &stderr, nil)
		if code != tt.code || !strings.Contains(stdout.String()+stderr.String(), tt.want) {
			t.Errorf("chaosproxy %s: exit code %d, %s%s", tt.args, code, &stdout, &stderr)
		}
		if n := strings.Count(stderr.String(), "gantline: "); code != exitOK && n != 1 {
			t.Errorf("chaosproxy %s: %d times gantline: in %s", tt.args, n, &stderr)
		}
		if (code == exitOK) != (stderr.Len() == 0) {
			t.Errorf("chaosproxy %s: exit code %d, stderr %q", tt.args, code, &stderr)
		}
	}
}
