package outbox

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// tally is the receiving application. It counts each message in each life of the publishing process, and acks some.
type tally struct {
	mu   sync.Mutex     // guards what follows
	came []map[int]int  // by number, in each life
	ids  map[int]string // by number
	bad  []string
	kick chan struct{} // something arrived
}

// secondLife is the number of the first message that only the publisher's second life publishes.
const secondLife = 1 << 20

func newTally() *tally {
	return &tally{came: []map[int]int{{}, {}}, ids: map[int]string{}, kick: make(chan struct{}, 1)}
}

// unacked reports whether a message of the first life is one that is not acked then.
func unacked(n int) bool { return n%10 == 0 }

// take is the subscription. It may read messages of the first life when the second has begun; only those that the
// second sends again are marked.
func (y *tally) take(_ context.Context, m *gantline.Message) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	defer func() {
		select {
		case y.kick <- struct{}{}:
		default:
		}
	}()
	var n int
	var rest string
	_, _ = fmt.Sscan(string(m.Body), &n, &rest)
	if len(rest) != n%300 {
		y.bad = append(y.bad, fmt.Sprintf("message %d has %d bytes", n, len(rest)))
	}
	if id := y.ids[n]; id != "" && id != m.ID.String() {
		y.bad = append(y.bad, fmt.Sprintf("message %d has ids %s and %s", n, id, m.ID))
	}
	y.ids[n] = m.ID.String()
	if n >= secondLife || m.Redelivered {
		y.came[1][n]++
		return nil
	}
	y.came[0][n]++
	if unacked(n) {
		return gantline.ErrAckLater // never
	}
	return nil
}

// await waits until ok returns true.
func (y *tally) await(t *testing.T, ok func() bool) {
	t.Helper()
	late := time.After(60 * time.Second)
	for {
		y.mu.Lock()
		done := ok()
		y.mu.Unlock()
		if done {
			return
		}
		select {
		case <-y.kick:
		case <-late:
			t.Fatal("nothing more comes")
		}
	}
}

// process is a child that runs.
type process struct {
	cmd    *exec.Cmd
	lines  chan string
	stderr strings.Builder
}

func startChild(t *testing.T, spec string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16)}
	p.cmd.Env = append(os.Environ(), childEnv+"="+spec)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	go func() { // ends with the child
		defer close(p.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			p.lines <- sc.Text()
		}
	}()
	return p
}

// kill ends the child like kill -9, and returns the numbers it had still to report.
func (p *process) kill(t *testing.T) (numbers []int) {
	t.Helper()
	must(t, p.cmd.Process.Kill())
	for line := range p.lines {
		var n int
		if _, err := fmt.Sscan(line, &n); err == nil {
			numbers = append(numbers, n)
		}
	}
	_ = p.cmd.Wait() // it was killed
	return numbers
}

// TestKill: a publishing process is killed, client or server, and started again. What was not acked comes once
// more, and nothing whose Publish had returned nil does.
func TestKill(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		t.Run(role, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "box")
			y := newTally()
			var addr atomic.Value // of the other side
			addr.Store("none")
			router := new(gantline.Router)
			router.Subscribe("t", y.take)
			cfg := gantline.Config{ID: "edge", Router: router, Logger: silent(Options{}).Logger, SessionExpiry: time.Second} // so that Close gives up
			if role == "client" {
				cfg.ID = ""
				ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(cfg))
				must(t, err)
				defer ln.Close()
				addr.Store(ln.Addr().String())
			}
			begin := func(from int) *process {
				p := startChild(t, fmt.Sprint(role, " ", path, " ", addr.Load(), " ", from))
				if role == "server" {
					line, ok := <-p.lines
					if !ok {
						t.Fatal(p.stderr.String())
					}
					addr.Store(line)
				}
				return p
			}
			first := begin(0)
			if role == "server" {
				dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", addr.Load().(string))
				}
				end, err := client.Dial(t.Context(), "any", "child", client.WithConfig(cfg), client.WithDialFunc(dial))
				must(t, err)
				defer end.Close()
			}
			// A writer stops at its first message that is not acked: the kill hits the others in between.
			y.await(t, func() bool { return len(y.came[0]) > 3*childWriters })
			returned := first.kill(t)

			again := begin(secondLife)
			y.await(t, func() bool {
				fresh := 0
				for n := range y.came[1] {
					if n >= secondLife {
						fresh++
					}
				}
				return fresh > 20 // they follow all older ones
			})
			returned = append(returned, again.kill(t)...)

			y.mu.Lock()
			defer y.mu.Unlock()
			due := slices.DeleteFunc(slices.Sorted(maps.Keys(y.came[0])), func(n int) bool { return !unacked(n) })
			if len(due) == 0 || len(returned) == 0 {
				t.Fatalf("%d unacked, %d returned", len(due), len(returned))
			}
			for _, n := range due {
				if y.came[1][n] != 1 {
					t.Errorf("message %d, not acked, came %d times more", n, y.came[1][n])
				}
			}
			for _, n := range returned {
				if got := y.came[0][n] + y.came[1][n]; got != 1 && !(unacked(n) && got == 2) {
					t.Errorf("message %d, whose Publish returned, came %d and %d times", n, y.came[0][n], y.came[1][n])
				}
			}
			for life, came := range y.came {
				for n, times := range came {
					if times != 1 {
						t.Errorf("message %d came %d times in life %d", n, times, life)
					}
				}
			}
			if len(y.bad) > 0 {
				t.Error(y.bad)
			}
			repeated := 0
			for n := range y.came[1] {
				if n < secondLife {
					repeated++
				}
			}
			t.Logf("life 1: %d came, %d not acked; life 2: %d came again; %d returned", len(y.came[0]), len(due), repeated, len(returned))
		})
	}
}
