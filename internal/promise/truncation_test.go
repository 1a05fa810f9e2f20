package promise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/server"
)

// closeLimit is how long End.Close may take when the peer reads.
const closeLimit = 50 * time.Millisecond

// TestNothingIsTruncated: a process that exits as soon as End.Close returned nil has delivered everything. The
// peer may read at once, slowly, or look at the streams or the End only after the process is gone.
func TestNothingIsTruncated(t *testing.T) {
	for _, tc := range []struct {
		name    string
		streams int
		late    string        // what the server does only after the process has ended
		pause   time.Duration // per read
		busy    bool          // the server calls all the time, so that bytes arrive when the process closes
	}{
		{name: "reader at once", streams: 1},
		{name: "1 ms per read", streams: 1, pause: time.Millisecond},
		{name: "10 streams", streams: 10},
		{name: "calls meanwhile", streams: 1, busy: true},
		{name: "streams accepted late", streams: 10, late: "streams"},
		{name: "End accepted late", streams: 10, late: "end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			watchdog(t, 30*time.Second+childRuns*2*time.Second)
			l := listen(t, gantline.Config{})
			var closes []time.Duration
			short := 0
			for range childRuns {
				p := startChild(t, childSpec(l.Addr().String(), tc.streams))
				var took time.Duration
				if tc.late == "end" {
					took = p.wait(t)
				}
				end, err := receiveAll(t.Context(), l, tc.streams, tc.pause, func(end *gantline.End) {
					if tc.late == "streams" {
						took = p.wait(t)
					}
					if tc.busy {
						go pester(end)
					}
				})
				if err != nil {
					short++
					if short <= 3 {
						t.Errorf("cut short: %v", err)
					}
				}
				if tc.late == "" {
					took = p.wait(t)
				}
				closes = append(closes, took)
				if end != nil {
					_ = end.Close()
				}
			}
			slices.Sort(closes)
			median, worst := closes[len(closes)/2], closes[len(closes)-1]
			slow := len(closes) - countUnder(closes, closeLimit)
			t.Logf("%d of %d cut short; End.Close median %v, worst %v, %d over %v", short, childRuns, median, worst, slow, closeLimit)
			if tc.pause == 0 && median > closeLimit {
				t.Errorf("End.Close took %v (median), the limit is %v", median, closeLimit)
			}
			if tc.pause == 0 && soak && slow > len(closes)/50 {
				t.Errorf("End.Close took longer than %v in %d of %d runs", closeLimit, slow, len(closes))
			}
		})
	}
}

func countUnder(sorted []time.Duration, limit time.Duration) int {
	n, _ := slices.BinarySearch(sorted, limit)
	return n
}

// receiveAll takes the next End and everything it sent. accepted is called between. The End is left open:
// closing it would drop what its peer still sends, and the peer's Close would report that.
func receiveAll(ctx context.Context, l *server.Listener, streams int, pause time.Duration, accepted func(*gantline.End)) (*gantline.End, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	end, err := l.AcceptEnd(ctx)
	if err != nil {
		return nil, fmt.Errorf("accept End: %w", err)
	}
	accepted(end)
	for i := range streams {
		st, err := end.AcceptStream(ctx)
		if err != nil {
			return end, fmt.Errorf("accept stream %d: %w", i, err)
		}
		got, err := readSlowly(st, pause)
		if err != nil {
			return end, fmt.Errorf("stream %d: %d bytes, then %w", i, len(got), err)
		}
		if want := pattern(childBytes/streams, uint64(i)); !bytes.Equal(got, want) {
			return end, fmt.Errorf("stream %d: %d bytes came, %d were written", i, len(got), len(want))
		}
		if err := st.Close(); err != nil {
			return end, fmt.Errorf("stream %d: close: %w", i, err)
		}
	}
	return end, nil
}

// pester calls the peer, which handles nothing, until the End is over.
func pester(end *gantline.End) {
	body := make([]byte, kib)
	_ = crowd(4, []*gantline.End{end}, func(near *gantline.End, _ int) error {
		for {
			if _, err := near.Call(context.Background(), "nobody", body); !errors.Is(err, gantline.Unimplemented) {
				return err
			}
		}
	})
}

// readSlowly reads 4 KiB per pause until the end.
func readSlowly(r io.Reader, pause time.Duration) ([]byte, error) {
	if pause == 0 {
		return io.ReadAll(r)
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	var all []byte
	buf := make([]byte, 4*kib)
	for {
		<-tick.C
		n, err := r.Read(buf)
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// process is a child that runs.
type process struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
}

func startChild(t *testing.T, spec string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), os.Args[0])}
	// The race detector would sleep for a second before it lets the process go.
	p.cmd.Env = append(os.Environ(), childEnv+"="+spec, "GORACE=atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// wait returns how long the child's End.Close took.
func (p *process) wait(t *testing.T) time.Duration {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("child: %v: %s", err, &p.err)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(p.out.String()), 10, 64)
	if err != nil {
		t.Fatalf("child printed %q: %v", &p.out, err)
	}
	return time.Duration(ns)
}
