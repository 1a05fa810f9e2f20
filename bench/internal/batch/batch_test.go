package batch

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

func TestMain(m *testing.M) {
	if trial.IsChild() {
		os.Exit(misbehave())
	}
	goleak.VerifyTestMain(m)
}

// script is what the children of a test report, by peer, one after the other.
type script struct {
	t     *testing.T
	by    map[string][]trial.Report
	order []string
}

func (s *script) start(_ context.Context, _ string, p trial.Plan) trial.Report {
	s.order = append(s.order, p.Peer)
	rest := s.by[p.Peer]
	if len(rest) == 0 {
		s.t.Fatalf("%s measures once more than expected", p.Peer)
	}
	s.by[p.Peer] = rest[1:]
	return rest[0]
}

func rates(v ...float64) []trial.Report {
	var out []trial.Report
	for _, v := range v {
		out = append(out, trial.Report{Version: "v1", Config: "as it is", Metrics: trial.Metrics{"rate": v, "cost": 100 / v}})
	}
	return out
}

var table = trial.Table{
	Name:  "t",
	Peers: []trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}, {Name: "other"}},
	Scenarios: []trial.Scenario{{Name: "s", Columns: []trial.Column{
		{Key: "rate", Title: "ops/s", Higher: true, Ratio: true}, {Key: "cost", Title: "cost", Over: trial.Worst}, {Key: "none", Title: "none"},
	}}},
}

func run(t *testing.T, s *script, o Options) *Document {
	t.Helper()
	s.t = t
	o.Start, o.Log, o.Time = s.start, io.Discard, time.Second
	doc, err := Run(t.Context(), table, o)
	if err != nil {
		t.Fatal(err)
	}
	for peer, rest := range s.by {
		if len(rest) > 0 {
			t.Errorf("%s measures %d times fewer than expected", peer, len(rest))
		}
	}
	return doc
}

// TestTurns: repetitions are interleaved, and combined as the columns say.
func TestTurns(t *testing.T) {
	s := &script{by: map[string][]trial.Report{trial.Raw: rates(100, 98, 99), trial.Ours: rates(50, 40, 80), "other": rates(1, 2, 3)}}
	doc := run(t, s, Options{Reps: 3, Spread: .15, Attempts: 3})
	if got := strings.Join(s.order, " "); got != "raw gantline other raw gantline other raw gantline other" {
		t.Error(got)
	}
	b := doc.Batches[0]
	ours := b.Row(trial.Ours)
	if !b.Valid || b.Attempts != 1 || b.Spread < .0199 || b.Spread > .0201 {
		t.Errorf("valid %v after %d, spread %v", b.Valid, b.Attempts, b.Spread)
	}
	if ours.Figure["rate"] != 80 || ours.Median["rate"] != 50 || ours.Figure["cost"] != 2.5 {
		t.Errorf("%+v", ours)
	}
	if x, ok := b.Ratio(trial.Ours, "rate"); !ok || x != .8 {
		t.Error(x, ok)
	}
	if _, ok := b.Ratio(trial.Ours, "none"); ok {
		t.Error("a ratio of nothing")
	}
	if len(doc.Peers) != 3 || doc.Peers[2] != (PeerWords{"other", "v1", "as it is"}) {
		t.Errorf("%+v", doc.Peers)
	}
}

// TestInvalid: a batch is repeated while raw is not steady, a bounded number of times. The steadiest is kept.
func TestInvalid(t *testing.T) {
	for _, tc := range []struct {
		name     string
		attempts int
		raw      []float64
		valid    bool
		after    int
		best     float64
	}{
		{"steady at last", 3, []float64{100, 50, 100, 90}, true, 2, 100},
		{"never steady", 3, []float64{100, 50, 100, 80, 100, 60}, false, 3, 100},
		{"kept", 1, []float64{100, 50}, false, 1, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{by: map[string][]trial.Report{trial.Raw: rates(tc.raw...), trial.Ours: rates(tc.raw...)}}
			b := run(t, s, Options{Peers: []string{trial.Ours}, Reps: 2, Spread: .15, Attempts: tc.attempts}).Batches[0]
			if b.Valid != tc.valid || b.Attempts != tc.after || b.Row(trial.Raw).Figure["rate"] != tc.best {
				t.Errorf("%+v", b)
			}
			if tc.after == 3 && b.Spread > .21 {
				t.Errorf("spread %v, the steadiest attempt had .2", b.Spread)
			}
		})
	}
}

// TestJudge: the spread is that of the column that the scenario names, whose best is the least.
func TestJudge(t *testing.T) {
	b := Batch{Scenario: table.Scenarios[0], Rows: []Row{{Peer: trial.Raw, Runs: []trial.Metrics{{"rate": 100, "cost": 2}, {"rate": 50, "cost": 2.5}}}}}
	if got := b.spread(); got != .5 {
		t.Error(got)
	}
	b.Scenario.Judge = "cost"
	if got := b.spread(); got != .25 {
		t.Error(got)
	}
	if got := (&Batch{Scenario: table.Scenarios[0]}).spread(); got != 0 {
		t.Error(got)
	}
}

// TestFailing: a peer that fails twice keeps its place, with the reason, and the others continue.
func TestFailing(t *testing.T) {
	no := trial.Report{Failed: "no ports"}
	s := &script{by: map[string][]trial.Report{
		trial.Raw:  rates(100, 100),
		trial.Ours: {no, rates(50)[0], rates(60)[0]},
		"other":    {no, no},
	}}
	b := run(t, s, Options{Reps: 2, Spread: .15, Attempts: 1}).Batches[0]
	if r := b.Row(trial.Ours); r.Failed != "" || r.Figure["rate"] != 60 {
		t.Errorf("%+v", r)
	}
	if r := b.Row("other"); r.Failed != "no ports" || len(r.Runs) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestChoose: an error about an unknown name lists the known ones.
func TestChoose(t *testing.T) {
	_, err := Run(t.Context(), table, Options{Peers: []string{"nobody"}})
	if err == nil || !strings.Contains(err.Error(), "nobody") || !strings.Contains(err.Error(), "other") {
		t.Error(err)
	}
	if _, err = Run(t.Context(), table, Options{Scenarios: []string{"x"}}); err == nil {
		t.Error("no error for a scenario that is not there")
	}
	got, err := choose("peer", []string{"a", "b", "c"}, []string{"c", "a"})
	if err != nil || strings.Join(got, "") != "ac" {
		t.Error(got, err)
	}
}

// TestStopped: an interrupt ends the batch with its reason.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, table, Options{Reps: 1, Attempts: 1, Log: io.Discard, Start: func(context.Context, string, trial.Plan) trial.Report {
		cancel()
		return trial.Report{Failed: "killed"}
	}})
	if err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Error(err)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", .0028: "0.0028", .284: "0.28", 12.12: "12.1", 5568.4: "5568", 58123: "58.1 k", 4.1e6: "4.10 M", 999.6: "1000", 9999.6: "10.0 k", 2.5e9: "2.50 G", -3: "-3.00"} {
		if got := Number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

// TestChooseCurve: a curve's name stands for all of its points, a point's for itself.
func TestChooseCurve(t *testing.T) {
	curved := table
	curved.Scenarios = nil
	for i, name := range []string{"c-1", "c-2", "alone"} {
		s := table.Scenarios[0]
		s.Name = name
		if name != "alone" {
			s.Point = &trial.Point{Curve: "c", X: float64(i + 1)}
		}
		curved.Scenarios = append(curved.Scenarios, s)
	}
	for wanted, want := range map[string]string{"c": "c-1 c-2", "c-2": "c-2", "alone": "alone", "alone,c-1": "c-1 alone", "": "c-1 c-2 alone"} {
		var got []string
		s := &script{t: t, by: map[string][]trial.Report{trial.Raw: rates(1, 1, 1)}}
		o := Options{Peers: []string{trial.Raw}, Reps: 1, Attempts: 1, Time: time.Second, Log: io.Discard, Start: s.start, Scenarios: strings.FieldsFunc(wanted, func(r rune) bool { return r == ',' })}
		doc, err := Run(t.Context(), curved, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range doc.Batches {
			got = append(got, b.Scenario.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q chose %v, want %s", wanted, got, want)
		}
	}
	if _, err := Run(t.Context(), curved, Options{Scenarios: []string{"d"}, Log: io.Discard}); err == nil || !strings.Contains(err.Error(), "[c c-1 c-2 alone]") {
		t.Errorf("an unknown one gave %v", err)
	}
}
