package scenario

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// totals is the outcome of a scenario, over all its runs. The applications' counters are their own.
type totals struct {
	began      time.Time
	told       time.Time // on standard error
	runs       int
	cuts       int64 // faults that happened
	resumes    uint64
	replayed   uint64 // bytes
	bytes      int64  // of streams, in one direction each
	messages   int
	calls      int
	duplicates int // messages and calls that the receiving application saw again
	lost       int // and those that it did not see
}

func newTotals() *totals { return &totals{began: time.Now(), told: time.Now()} }

// add adds a run that is over.
func (x *totals) add(r *rig) {
	x.runs++
	for _, n := range r.proxy.Counters().Faults {
		x.cuts += n
	}
	x.resumes += r.resumes()
	x.replayed += r.client.end.Stats().Link.Replayed + r.server.end.Stats().Link.Replayed
	for _, s := range []*side{r.client, r.server} {
		s.mu.Lock()
		x.bytes += s.echoed
		x.messages += s.messages
		x.calls += s.calls
		x.duplicates += s.duplicates
		x.lost += s.lost
		s.mu.Unlock()
	}
}

// progress reports every 10 s on standard error how far a long one is.
func (x *totals) progress(t testing.TB, of int) {
	if time.Since(x.told) > 10*time.Second {
		x.told = time.Now()
		fmt.Fprintf(os.Stderr, "%s: %d of %d, %d resumes, %v\n", t.Name(), x.runs, of, x.resumes, time.Since(x.began).Round(time.Second))
	}
}

// log prints the row of a scenario under its heading.
func (x *totals) log(t testing.TB, fault string) {
	t.Logf("\n%-26s %6s %7s %8s %10s %10s %9s %9s %5s %5s %9s\n%-26s %6d %7d %8d %6d KiB %6d MiB %9d %9d %5d %5d %9s",
		"fault", "runs", "faults", "resumes", "replayed", "streams", "messages", "calls", "twice", "lost", "time",
		fault, x.runs, x.cuts, x.resumes, x.replayed>>10, x.bytes>>20, x.messages, x.calls, x.duplicates, x.lost, time.Since(x.began).Round(100*time.Millisecond))
}
