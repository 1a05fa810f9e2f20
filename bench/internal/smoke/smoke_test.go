package smoke

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// today is about what is measured; raw is 1 of everything.
var today = map[string]trial.Metrics{
	"bulk-1":    {"mbps": 1.2, "cpu_s_gb": .75, "allocs": .003, "syscalls": 1.2},
	"ping":      {"p50_us": 1.2, "cpu_us": 1.2, "allocs": .002, "syscalls": 6},
	"small-8":   {"writes": 5, "cpu_us": .12, "syscalls": .01},
	"open":      {"streams": 24, "allocs": 5},
	"call-1":    {"p50_us": 1.26, "allocs": 3.1},
	"call-64":   {"rate": 2.6, "cpu_us": .24, "allocs": 3.1, "syscalls": .2},
	"flight-64": {"rate": 5, "cpu_us": .18, "allocs": 4.1, "syscalls": .1},
}

func raw(p trial.Plan) trial.Report {
	m := maps.Clone(today[p.Scenario])
	for k := range m {
		m[k] = 1
	}
	return trial.Report{Metrics: m}
}

// TestRegression: today's figures pass, and costs that doubled in one scenario do not.
func TestRegression(t *testing.T) {
	worse := func(scenario string) Start {
		return func(_ context.Context, _ string, p trial.Plan) trial.Report {
			if p.Peer == trial.Raw {
				return raw(p)
			}
			m := maps.Clone(today[p.Scenario])
			if p.Scenario == scenario {
				m["allocs"] *= 2
				for _, k := range []string{"cpu_us", "cpu_s_gb", "p50_us"} {
					m[k] *= 2
				}
				for _, k := range []string{"mbps", "writes", "rate", "streams"} {
					m[k] /= 2.1
				}
			}
			return trial.Report{Metrics: m}
		}
	}
	if err := Run(t.Context(), t.Output(), worse("")); err != nil {
		t.Error("today's figures:", err)
	}
	for name := range today {
		if name == "small-8" { // its rate depends on the cores most, so that it has a margin of more than 2
			continue
		}
		if err := Run(t.Context(), t.Output(), worse(name)); !errors.Is(err, ErrRegression) {
			t.Errorf("%s twice as costly: %v", name, err)
		}
	}
}

// TestDisturbed: rounds disturbed by other work neither fail the smoke nor hide anything.
func TestDisturbed(t *testing.T) {
	calls := map[string]int{}
	err := Run(t.Context(), t.Output(), func(_ context.Context, _ string, p trial.Plan) trial.Report {
		r := raw(p)
		if p.Peer == trial.Ours {
			r.Metrics = maps.Clone(today[p.Scenario])
		}
		key := p.Scenario + p.Peer
		if calls[key]++; calls[key] == 1 {
			for k := range r.Metrics {
				r.Metrics[k] *= 10
			}
			for _, k := range []string{"mbps", "writes", "rate", "streams"} {
				r.Metrics[k] /= 100
			}
		}
		return r
	})
	if err != nil {
		t.Error(err)
	}
}

// TestChildFails: a child's error reaches the user, after a second try.
func TestChildFails(t *testing.T) {
	tries := 0
	err := Run(t.Context(), t.Output(), func(context.Context, string, trial.Plan) trial.Report {
		tries++
		return trial.Report{Failed: "no ports"}
	})
	if err == nil || !strings.Contains(err.Error(), "no ports") || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

// TestNotTold: a figure that the system does not report is no regression.
func TestNotTold(t *testing.T) {
	s := scenario{"t", "s", []limit{{"syscalls", false, true, 1}}}
	bad, err := s.run(t.Context(), t.Output(), func(context.Context, string, trial.Plan) trial.Report {
		return trial.Report{Metrics: trial.Metrics{}}
	})
	if bad != 0 || err != nil {
		t.Error(bad, err)
	}
}
