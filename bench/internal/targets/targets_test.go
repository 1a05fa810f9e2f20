package targets

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name   string
		target target
		ours   float64
		raw    float64
		met    bool
		words  string
		figure string
	}{
		{"ratio, met", target{words: "MB/s", key: "k", limit: .92, of: trial.Raw}, 950, 1000, true, "MB/s at least 0.92 x raw", "0.95 x"},
		{"ratio, not met", target{words: "MB/s", key: "k", limit: .92, of: trial.Raw}, 900, 1000, false, "MB/s at least 0.92 x raw", "0.90 x"},
		{"at most", target{words: "p50", key: "k", most: true, limit: 1.5, of: trial.Raw}, 6, 4, true, "p50 at most 1.5 x raw", "1.50 x"},
		{"absolute, met", target{words: "p99", key: "k", most: true, limit: 60, unit: " us"}, 50, 0, true, "p99 at most 60 us", "50 us"},
		{"absolute, not met", target{words: "p99", key: "k", most: true, limit: 60, unit: " us"}, 70, 4, false, "p99 at most 60 us", "70 us"},
		{"slower machine", target{words: "p99", key: "k", most: true, limit: 60, unit: " us", then: 4}, 150, 12, true, "p99 at most 60 us", "150 us; 12.50 x raw, target 15.00 x"},
		{"slower, and not met", target{words: "calls/s", key: "k", limit: 550e3, unit: "/s", then: 224e3}, 100e3, 50e3, false, "calls/s at least 550 k/s", "100 k/s; 2.00 x raw, target 2.46 x"},
		{"faster machine: the absolute limit will do", target{words: "calls/s", key: "k", limit: 2e6, unit: "/s", then: 1e6}, 2.5e6, 2e6, true, "calls/s at least 2 M/s", "2.5 M/s; 1.25 x raw, target 2.00 x"},
		{"zero", target{words: "cut short", key: "k", most: true}, 0, 0, true, "cut short at most 0", "0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := Figures{trial.Ours: {"k": tc.ours}, trial.Raw: {"k": tc.raw}}
			v, ok := tc.target.judge(f)
			if !ok || v.Met != tc.met || v.Words != tc.words || v.Figure != tc.figure {
				t.Errorf("%+v, %v", v, ok)
			}
		})
	}
}

func TestNoVerdict(t *testing.T) {
	one := target{words: "MB/s", key: "k", limit: 1, of: trial.Raw}
	for _, f := range []Figures{{}, {trial.Ours: {"k": 1}}, {trial.Raw: {"k": 1}}} {
		if v, ok := one.judge(f); ok {
			t.Errorf("%v: %+v", f, v)
		}
	}
}

func TestLow(t *testing.T) {
	f := func(v float64) Figures {
		return Figures{"yamux": {"mbps": v, "p50_us": v}, trial.Raw: {"mbps": 5568, "p50_us": 4.3}}
	}
	for _, tc := range []struct {
		scenario string
		v        float64
		low      bool
	}{
		{"bulk-1", 2954, false}, {"bulk-1", 2954 * .76, false}, {"bulk-1", 2954 * .74, true}, {"bulk-1", 9000, false},
		{"ping", 12.1, false}, {"ping", 12.1 / .76, false}, {"ping", 12.1 / .74, true}, {"ping", 5, false},
		{"unknown", 1, false},
	} {
		got := Low("streams", tc.scenario, "yamux", f(tc.v))
		if (got != "") != tc.low {
			t.Errorf("%s %v: %q", tc.scenario, tc.v, got)
		}
		if tc.low && !strings.HasPrefix(got, "peer below its figure: row invalid") {
			t.Error(got)
		}
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", .92: "0.92", 60: "60", 200: "200", 746496: "746 k", 4e6: "4 M", 4.1234e6: "4.12 M"} {
		if got := short(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
