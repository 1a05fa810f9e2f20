// Package smoke guards against gross regressions, with a few short scenarios. Their costs, and their ratios to raw
// TCP, may not double. It never looks at absolute times.
//
// # Usage
//
//	err := smoke.Run(ctx, os.Stdout, batch.Spawn)
//
// # Concurrency
//
// One Run at a time.
//
// # Errors
//
// Run fails with ErrRegression when a limit does not hold, and with a child's error when nothing can be measured.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// ErrRegression says that a limit did not hold in any round.
var ErrRegression = errors.New("bench: slower or more costly than the limits of the smoke")

// How often a scenario is measured: at least, and at most while a limit does not hold. Other work on the machine
// spoils a round, not all.
const (
	minRounds = 2
	maxRounds = 6
)

// Start runs a plan, as batch.Spawn does.
type Start func(ctx context.Context, program string, p trial.Plan) trial.Report

// Run measures each scenario, raw and gantline side by side, until its limits hold or all rounds are over.
func Run(ctx context.Context, out io.Writer, start Start) error {
	var failed int
	for _, s := range scenarios {
		bad, err := s.run(ctx, out, start)
		if err != nil {
			return err
		}
		failed += bad
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d limits; see internal/smoke/limits.go in bench for where they come from", ErrRegression, failed)
	}
	return nil
}

// run returns how many limits did not hold. The best of all rounds counts, of raw and of gantline: one
// disturbed round of either spoils nothing and hides nothing.
func (s *scenario) run(ctx context.Context, out io.Writer, start Start) (int, error) {
	raw, ours := trial.Metrics{}, trial.Metrics{}
	bad := 0
	for round := 1; ; round++ {
		for peer, best := range map[string]trial.Metrics{trial.Raw: raw, trial.Ours: ours} {
			got, err := s.measure(ctx, start, peer)
			if err != nil {
				return 0, err
			}
			s.keep(got, best)
		}
		bad = 0
		for _, l := range s.limits {
			if v, ok := l.figure(raw, ours); ok && !l.holds(v) {
				bad++
			}
		}
		if round >= maxRounds || round >= minRounds && bad == 0 {
			break
		}
	}
	for _, l := range s.limits {
		v, ok := l.figure(raw, ours)
		mark := "ok  "
		switch {
		case !ok:
			mark, v = "-   ", 0 // the system does not report it, as with system calls outside Linux
		case !l.holds(v):
			mark = "FAIL"
		}
		fmt.Fprintf(out, "%s %s %s: %s = %s, %s\n", mark, s.table, s.name, l.words(), batch.Number(v), l.bound())
	}
	return bad, nil
}

// keep moves the better ones of got to best.
func (s *scenario) keep(got, best trial.Metrics) {
	for _, l := range s.limits {
		v, ok := got[l.key]
		if old, has := best[l.key]; ok && (!has || l.better(v, old)) {
			best[l.key] = v
		}
	}
}

// measure makes one peer do the scenario; once more if that fails.
func (s *scenario) measure(ctx context.Context, start Start, peer string) (trial.Metrics, error) {
	p := trial.Plan{Table: s.table, Scenario: s.name, Peer: peer, Warm: 100 * time.Millisecond, Time: 400 * time.Millisecond}
	var r trial.Report
	for range 2 {
		if r = start(ctx, "", p); r.Failed == "" {
			return r.Metrics, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("bench: smoke stopped: %w", err)
		}
	}
	return nil, fmt.Errorf("bench: smoke: %s %s %s: %s", s.table, s.name, peer, r.Failed)
}

// scenario is one of a table with the limits that it has to keep.
type scenario struct {
	table, name string
	limits      []limit
}

// limit bounds one figure of gantline's, or its multiple of raw's.
type limit struct {
	key   string
	ratio bool
	most  bool // at most, else at least
	value float64
}

func (l limit) figure(raw, ours trial.Metrics) (float64, bool) {
	v, ok := ours[l.key]
	if !ok || !l.ratio {
		return v, ok
	}
	base, ok := raw[l.key]
	if !ok || base == 0 {
		return 0, false
	}
	return v / base, true
}

func (l limit) better(a, b float64) bool {
	if l.most {
		return a < b
	}
	return a > b
}

func (l limit) holds(v float64) bool {
	if l.most {
		return v <= l.value
	}
	return v >= l.value
}

func (l limit) words() string {
	if l.ratio {
		return l.key + " as multiple of raw's"
	}
	return l.key
}

func (l limit) bound() string {
	if l.most {
		return "at most " + batch.Number(l.value)
	}
	return "at least " + batch.Number(l.value)
}
