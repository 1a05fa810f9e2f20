// Package batch runs a bench: one child process per peer, scenario and repetition. Peers take turns, so that the
// machine's drift hits all alike. The package says whether the figures count.
//
// # Usage
//
//	doc, err := batch.Run(ctx, table, batch.Options{Reps: 5, Time: 600 * time.Millisecond})
//
// # Concurrency
//
// One Run at a time; it runs one child at a time.
//
// # Errors
//
// Run fails when a peer or scenario does not exist, or a program cannot be built. An error in a child is in its
// row.
package batch

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gantline-project/gantline/bench/internal/targets"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Options say how to run a table.
type Options struct {
	// Peers and Scenarios select by name, a curve's for all of its points; empty means all. Raw is always
	// included.
	Peers, Scenarios []string
	// Reps is how often each peer measures, Time how long at least.
	Reps int
	Time time.Duration
	// Spread is how far raw's repetitions may differ, as a part of the best one. Attempts is how often a
	// scenario is measured at most to get there. The attempt with the smallest spread is kept.
	Spread   float64
	Attempts int
	// Log gets the progress.
	Log io.Writer
	// Start runs one plan; nil = in a child process.
	Start func(ctx context.Context, program string, p trial.Plan) trial.Report
}

// Document is what Run measured.
type Document struct {
	Table, Title, Words string
	Machine             Machine
	// Effective is gantline's Config.
	Effective string
	Peers     []PeerWords
	Reps      int
	Batches   []Batch
}

// PeerWords describes a peer.
type PeerWords struct{ Name, Version, Config string }

// Batch is one scenario.
type Batch struct {
	Scenario trial.Scenario
	// Attempts is how often it was measured.
	Attempts int
	// Spread is raw's: (best - worst) / best of the column that judges; 0 when there is nothing to compare.
	Spread float64
	// Valid is whether Spread is within bounds.
	Valid                 bool
	LoadBefore, LoadAfter string
	Rows                  []Row
	Targets               []targets.Verdict
}

// Row is one peer in a batch.
type Row struct {
	Peer string
	// Runs are the repetitions, Figure and Median their result by column.
	Runs           []trial.Metrics
	Figure, Median trial.Metrics
	// Failed says why there are no figures; Low why they do not count.
	Failed string `json:",omitempty"`
	Low    string `json:",omitempty"`
}

// Row returns the peer's row, nil if there is none.
func (b *Batch) Row(peer string) *Row {
	i := slices.IndexFunc(b.Rows, func(r Row) bool { return r.Peer == peer })
	if i < 0 {
		return nil
	}
	return &b.Rows[i]
}

// Ratio returns a figure of peer as a multiple of raw's.
func (b *Batch) Ratio(peer, key string) (float64, bool) {
	r, raw := b.Row(peer), b.Row(trial.Raw)
	if r == nil || raw == nil {
		return 0, false
	}
	v, ok := r.Figure[key]
	base, has := raw.Figure[key]
	if !ok || !has || base == 0 {
		return 0, false
	}
	return v / base, true
}

// Run measures a table.
func Run(ctx context.Context, t trial.Table, o Options) (*Document, error) {
	peers, err := choose("peer", names(t.Peers, func(p trial.Peer) string { return p.Name }), o.Peers)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(peers, trial.Raw) {
		peers = slices.Insert(peers, 0, trial.Raw)
	}
	var known []string
	for _, s := range t.Scenarios {
		if !slices.Contains(known, s.Chart()) {
			known = append(known, s.Chart())
		}
		if s.Point != nil {
			known = append(known, s.Name)
		}
	}
	chosen, err := choose("scenario", known, o.Scenarios)
	if err != nil {
		return nil, err
	}
	doc := &Document{Table: t.Name, Title: t.Title, Words: t.Words, Machine: thisMachine(ctx), Reps: o.Reps}
	words := map[string]PeerWords{}
	for _, s := range t.Scenarios {
		if !slices.Contains(chosen, s.Name) && !slices.Contains(chosen, s.Chart()) {
			continue
		}
		r := &runner{Options: o, table: t, scenario: s, peers: peers, words: words}
		b, err := r.settle(ctx)
		if err != nil {
			return nil, err
		}
		doc.Batches = append(doc.Batches, b)
		if r.effective != "" {
			doc.Effective = r.effective
		}
	}
	for _, p := range t.Peers {
		if w, ok := words[p.Name]; ok {
			doc.Peers = append(doc.Peers, w)
		}
	}
	doc.Machine.LoadAfter = load()
	return doc, nil
}

func names[T any](all []T, name func(T) string) []string {
	var out []string
	for _, v := range all {
		out = append(out, name(v))
	}
	return out
}

// choose returns the wanted names in the order of all; none wanted means all.
func choose(what string, all, wanted []string) ([]string, error) {
	for _, w := range wanted {
		if !slices.Contains(all, w) {
			return nil, fmt.Errorf("bench: no %s %q here; there are %v", what, w, all)
		}
	}
	if len(wanted) == 0 {
		return slices.Clone(all), nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(n string) bool { return !slices.Contains(wanted, n) }), nil
}

// runner measures one scenario.
type runner struct {
	Options
	table     trial.Table
	scenario  trial.Scenario
	peers     []string
	words     map[string]PeerWords
	effective string
}

// settle measures until raw is steady, or Attempts are used up, and keeps the steadiest.
func (r *runner) settle(ctx context.Context) (Batch, error) {
	var best Batch
	for attempt := 1; ; attempt++ {
		b, err := r.once(ctx)
		if err != nil {
			return Batch{}, err
		}
		if attempt == 1 || b.Spread < best.Spread {
			best = b
		}
		best.Attempts = attempt
		if best.Valid || attempt >= r.Attempts {
			best.judge(r.table.Name)
			return best, nil
		}
		fmt.Fprintf(r.Log, "%s: raw TCP varies by %.0f %%, more than %.0f %%: INVALID, once more\n", r.scenario.Name, 100*b.Spread, 100*r.Spread)
	}
}

// once has each peer measure Reps times, in turns.
func (r *runner) once(ctx context.Context) (Batch, error) {
	b := Batch{Scenario: r.scenario, LoadBefore: load()}
	for _, name := range r.peers {
		if !slices.Contains(r.scenario.Without, name) {
			b.Rows = append(b.Rows, Row{Peer: name})
		}
	}
	reps := r.Reps
	if r.scenario.MaxReps > 0 {
		reps = min(reps, r.scenario.MaxReps)
	}
	plan := trial.Plan{Table: r.table.Name, Scenario: r.scenario.Name, Time: max(r.Time, r.scenario.Time), Warm: max(r.Time/4, r.scenario.Warm)}
	for rep := range reps {
		for i := range b.Rows {
			row := &b.Rows[i]
			if row.Failed != "" {
				continue // it failed twice
			}
			plan.Peer = row.Peer
			report, err := r.measure(ctx, plan)
			if err != nil {
				return Batch{}, err
			}
			if report.Failed != "" {
				row.Failed = report.Failed
				continue
			}
			row.Runs = append(row.Runs, report.Metrics)
			r.words[row.Peer] = PeerWords{row.Peer, report.Version, report.Config}
			if report.Effective != "" {
				r.effective = report.Effective
			}
			key := r.scenario.Columns[0].Key
			fmt.Fprintf(r.Log, "%s %d/%d %s: %s %s\n", r.scenario.Name, rep+1, reps, row.Peer, Number(report.Metrics[key]), r.scenario.Columns[0].Title)
		}
	}
	b.LoadAfter = load()
	for i := range b.Rows {
		b.Rows[i].sum(r.scenario.Columns)
	}
	b.Spread = b.spread()
	b.Valid = r.scenario.Steady || b.Spread <= r.Spread
	return b, nil
}

// measure runs one plan, and once more if it fails: a port may have been taken, for instance.
func (r *runner) measure(ctx context.Context, p trial.Plan) (trial.Report, error) {
	i := slices.IndexFunc(r.table.Peers, func(q trial.Peer) bool { return q.Name == p.Peer })
	start := r.Start
	if start == nil {
		start = Spawn
	}
	var report trial.Report
	for range 2 {
		report = start(ctx, r.table.Peers[i].Program, p)
		if err := ctx.Err(); err != nil {
			return report, fmt.Errorf("bench: stopped: %w", err)
		}
		if report.Failed == "" {
			return report, nil
		}
		fmt.Fprintf(r.Log, "%s %s: failed: %s\n", p.Scenario, p.Peer, report.Failed)
	}
	return report, nil
}

// sum combines the repetitions of a row.
func (r *Row) sum(cols []trial.Column) {
	r.Figure, r.Median = trial.Metrics{}, trial.Metrics{}
	for _, c := range cols {
		var all []float64
		for _, m := range r.Runs {
			if v, ok := m[c.Key]; ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
				all = append(all, v)
			}
		}
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		best, worst := all[0], all[len(all)-1]
		if c.Higher {
			best, worst = worst, best
		}
		r.Median[c.Key] = all[len(all)/2]
		switch c.Over {
		case trial.Best:
			r.Figure[c.Key] = best
		case trial.Worst:
			r.Figure[c.Key] = worst
		case trial.Sum:
			r.Figure[c.Key] = 0
			for _, v := range all {
				r.Figure[c.Key] += v
			}
		}
	}
}

// spread is how far raw's repetitions differ.
func (b *Batch) spread() float64 {
	raw := b.Row(trial.Raw)
	if raw == nil {
		return 0
	}
	col := b.Scenario.Columns[0]
	for _, c := range b.Scenario.Columns {
		if c.Key == b.Scenario.Judge {
			col = c
		}
	}
	low, high := math.Inf(1), 0.0
	for _, m := range raw.Runs {
		if v, ok := m[col.Key]; ok {
			low, high = min(low, v), max(high, v)
		}
	}
	if high == 0 || math.IsInf(low, 1) {
		return 0
	}
	if col.Higher {
		return (high - low) / high
	}
	return (high - low) / low
}

// judge compares with the targets, and the peers with what they are known to reach.
func (b *Batch) judge(table string) {
	figures := targets.Figures{}
	for _, r := range b.Rows {
		figures[r.Peer] = maps.Clone(r.Figure)
	}
	b.Targets = targets.Judge(table, b.Scenario.Name, figures)
	for i := range b.Rows {
		b.Rows[i].Low = targets.Low(table, b.Scenario.Name, b.Rows[i].Peer, figures)
	}
}
