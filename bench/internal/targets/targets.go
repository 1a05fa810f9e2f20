// Package targets has what gantline has to reach and what its peers are known to reach, and compares.
//
// # Usage
//
//	for _, v := range targets.Judge("streams", "ping", figures) {
//		fmt.Println(v.Words, v.Figure, v.Met)
//	}
//
// # Concurrency
//
// The tables are not changed; every function may be called from any goroutine.
//
// # Errors
//
// There are none: a figure that cannot be compared has no verdict.
package targets

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

// all is every target; knowns every figure of a peer.
var (
	all    = slices.Concat(streamTargets, callTargets, messageTargets, resumeTargets, memoryTargets)
	knowns = slices.Concat(streamKnowns, callKnowns, messageKnowns)
)

// Figures are the figures of a scenario by peer and column.
type Figures map[string]trial.Metrics

// target is one figure that a peer (gantline unless said otherwise) has to reach.
type target struct {
	table, scenario string
	peer            string
	words           string
	key             string
	most            bool // the figure may be at most limit, else at least
	limit           float64
	unit            string
	of              string // "" = the figure itself, else as a multiple of this peer's; "<key>" names another column of raw
	ofKey           string // the column of that peer, "" = key
	// Raw's figure in ofKey where the absolute limit was set. On another machine the same ratio to raw is
	// enough. 0 = only the absolute limit counts.
	then float64
}

// Verdict says whether a target is met.
type Verdict struct {
	// Words is the target, Figure what was measured.
	Words, Figure string
	Met           bool
}

// Judge returns the verdicts of a scenario.
func Judge(table, scenario string, f Figures) []Verdict {
	var out []Verdict
	for _, t := range all {
		if t.table == table && t.scenario == scenario {
			if v, ok := t.judge(f); ok {
				out = append(out, v)
			}
		}
	}
	return out
}

func (t *target) judge(f Figures) (Verdict, bool) {
	peer := t.peer
	if peer == "" {
		peer = trial.Ours
	}
	v, ok := f[peer][t.key]
	if !ok {
		return Verdict{}, false
	}
	base, known := f[trial.Raw][t.baseKey()]
	if t.of != "" {
		if base, known = f[t.of][t.baseKey()]; !known || base == 0 {
			return Verdict{}, false
		}
		r := v / base
		return Verdict{t.text(peer), fmt.Sprintf("%.2f x", r), t.holds(r)}, true
	}
	out := Verdict{t.text(peer), short(v) + t.unit, t.holds(v)}
	if t.then > 0 && known && base > 0 {
		out.Figure += fmt.Sprintf("; %.2f x raw, target %.2f x", v/base, t.limit/t.then)
		out.Met = out.Met || t.holds(v/base*t.then)
	}
	return out, true
}

func (t *target) baseKey() string {
	if t.ofKey != "" {
		return t.ofKey
	}
	return t.key
}

func (t *target) holds(v float64) bool {
	if t.most {
		return v <= t.limit
	}
	return v >= t.limit
}

// text is the target in words: "p99 at most 60 us".
func (t *target) text(peer string) string {
	s := t.words
	if peer != trial.Ours {
		s = peer + ": " + s
	}
	if t.most {
		s += " at most "
	} else {
		s += " at least "
	}
	s += short(t.limit)
	if t.of != "" {
		return s + " x " + t.of
	}
	return s + t.unit
}

// short prints large numbers with k and M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'f', -1, 64)[:min(4, len(strconv.FormatFloat(v/1e6, 'f', -1, 64)))] + " M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'f', 0, 64) + " k"
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// known is what a peer reached, and raw beside it, when the targets were set.
type known struct {
	table, scenario, peer, key string
	figure, raw                float64
	rawKey                     string // "" = key
	most                       bool   // less is better
}

// tolerance is how far below its known figure, relative to raw, a peer may be and its row still count.
const tolerance = 0.25

// Low says why the row of a peer does not count, "" if it does.
func Low(table, scenario, peer string, f Figures) string {
	for _, k := range knowns {
		if k.table != table || k.scenario != scenario || k.peer != peer {
			continue
		}
		rawKey := k.rawKey
		if rawKey == "" {
			rawKey = k.key
		}
		v, ok := f[peer][k.key]
		raw, has := f[trial.Raw][rawKey]
		if !ok || !has || v == 0 || raw == 0 {
			continue
		}
		now, then := v/raw, k.figure/k.raw
		if k.most {
			now, then = 1/now, 1/then
		}
		if now < (1-tolerance)*then {
			return fmt.Sprintf("peer below its figure: row invalid (%.2f of what it reached relative to raw)", now/then)
		}
	}
	return ""
}
