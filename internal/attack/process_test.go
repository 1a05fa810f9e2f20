package attack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleEnv says which part a process of this test has.
const roleEnv = "GANTLINE_ATTACK_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "server":
		serve(os.Stdin, os.Stdout)
	case "honest":
		liveHonestly(os.Stdin, os.Stdout)
	default:
		goleak.VerifyTestMain(m)
	}
}

// process is a server or an honest client, which answers questions.
type process struct {
	t    testing.TB
	name string
	in   io.Writer
	out  *json.Decoder

	mu   sync.Mutex // guards what follows
	said bytes.Buffer
}

// start runs this test again, in another part. The test's end stops it.
func start(t testing.TB, role string, env ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), roleEnv+"="+role), env...)
	p := &process{t: t, name: role}
	cmd.Stderr = p
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, json.NewDecoder(bufio.NewReader(out))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // which ends it
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the %s ended with %v:\n%s", role, err, p.last())
		}
	})
	return p
}

// Write keeps the end of what the process prints as errors.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said.Len() > 64<<10 {
		p.said.Reset()
	}
	return p.said.Write(b)
}

func (p *process) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// ask sends a question and takes the answer.
func (p *process) ask(question string, answer any) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.in, question)
	if err == nil {
		err = p.out.Decode(answer)
	}
	if err != nil {
		p.t.Fatalf("the %s does not answer: %v\n%s", p.name, err, p.last())
	}
}

// answers answers the questions that come in until in ends.
func answers(in io.Reader, out io.Writer, answer func(question string) any) {
	questions, enc := bufio.NewScanner(in), json.NewEncoder(out)
	for questions.Scan() {
		if err := enc.Encode(answer(questions.Text())); err != nil {
			return
		}
	}
}
