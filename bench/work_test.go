package main

import (
	"slices"
	"testing"
	"time"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// long are the scenarios that take seconds whatever the plan says: thousands of connections or streams.
var long = []string{"bulk-1000", "ends", "streams", "slow-peers"}

// TestEveryScenario does each scenario for an instant, with raw and gantline: the first column has a figure.
func TestEveryScenario(t *testing.T) {
	for _, table := range tables() {
		chart := ""
		for _, s := range table.Scenarios {
			if s.Point != nil && s.Chart() == chart {
				continue // one point of a curve shows that it works
			}
			chart = s.Chart()
			for _, peer := range table.Peers[:2] {
				if slices.Contains(s.Without, peer.Name) || slices.Contains(long, s.Name) {
					continue
				}
				t.Run(table.Name+"/"+s.Name+"/"+peer.Name, func(t *testing.T) {
					m := instant(t, table.Name, s.Name, peer.Name)
					v, ok := m[s.Columns[0].Key]
					if !ok || v < 0 {
						t.Errorf("%s is %v in %v", s.Columns[0].Key, v, m)
					}
					if zero := s.Columns[0].Over == trial.Sum; zero && v != 0 { // what must not happen, counted
						t.Errorf("%s: %v", s.Columns[0].Title, v)
					}
				})
			}
		}
	}
}

// TestEveryPeer makes each peer of this program do something small.
func TestEveryPeer(t *testing.T) {
	for table, scenarios := range map[string][]string{"streams": {"bulk-8", "open-trip", "ping-tls"}, "calls": {"call-64"}, "resume": {"bulk-8"}, "checksum": {"bulk-8"}} {
		i := slices.IndexFunc(tables(), func(t trial.Table) bool { return t.Name == table })
		for _, peer := range tables()[i].Peers[2:] {
			if peer.Program != "" {
				continue // built on demand
			}
			for _, s := range scenarios {
				t.Run(table+"/"+peer.Name+"/"+s, func(t *testing.T) {
					// A busy machine may not get to any of it in an instant.
					for d := 100 * time.Millisecond; ; d *= 4 {
						m := during(t, d, table, s, peer.Name)
						if m["mbps"] > 0 || m["p50_us"] > 0 || m["rate"] > 0 {
							return
						}
						if d > 5*time.Second {
							t.Fatalf("no figure in %v", m)
						}
					}
				})
			}
		}
	}
}

func instant(t *testing.T, table, scenario, peer string) trial.Metrics {
	t.Helper()
	return during(t, 100*time.Millisecond, table, scenario, peer)
}

func during(t *testing.T, d time.Duration, table, scenario, peer string) trial.Metrics {
	t.Helper()
	r := batch.Spawn(t.Context(), "", trial.Plan{Table: table, Scenario: scenario, Peer: peer, Warm: d / 3, Time: d})
	if r.Failed != "" {
		t.Fatal(r.Failed)
	}
	return r.Metrics
}
