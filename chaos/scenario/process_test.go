package scenario

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// process is a child that runs this program in a role.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	in   io.Closer // its end ends the child
	out  *bufio.Reader
	said string // its first line
}

// start runs a child and waits for its first line. The child is killed with the test.
func start(t testing.TB, spec childSpec) *process {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(p.kill)
	p.said = p.line()
	return p
}

// line is the next one that the child prints.
func (p *process) line() string {
	p.t.Helper()
	late := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	text, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the child %v says nothing more: %v", p.cmd.Process.Pid, err)
	}
	return text[:len(text)-1]
}

// kill is kill -9, and waits for the end.
func (p *process) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// readBooks returns how often a child ran each call, and whether each delivery of a message was flagged redelivered.
func readBooks(t testing.TB, dir string) (calls map[uint64]int, messages map[uint64][]bool) {
	t.Helper()
	calls, messages = make(map[uint64]int), make(map[uint64][]bool)
	err := readJournal(dir, "calls", func(text string) error {
		var n uint64
		_, err := fmt.Sscan(text, &n)
		calls[n]++
		return err
	})
	if err == nil {
		err = readJournal(dir, "messages", func(text string) error {
			var n uint64
			var flagged bool
			_, err := fmt.Sscan(text, &n, &flagged)
			messages[n] = append(messages[n], flagged)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return calls, messages
}
