package report

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Groups returns the batches as they are charted: the points of a curve together, any other by itself.
func Groups(batches []batch.Batch) [][]batch.Batch {
	var out [][]batch.Batch
	for _, b := range batches {
		if k := len(out) - 1; k >= 0 && b.Scenario.Point != nil && out[k][0].Scenario.Point != nil && out[k][0].Scenario.Chart() == b.Scenario.Chart() {
			out[k] = append(out[k], b)
			continue
		}
		out = append(out, []batch.Batch{b})
	}
	return out
}

// peersOf returns the peers of a curve in their order.
func peersOf(curve []batch.Batch) []string {
	var out []string
	for _, b := range curve {
		for _, r := range b.Rows {
			if !slices.Contains(out, r.Peer) {
				out = append(out, r.Peer)
			}
		}
	}
	return out
}

// label prints an X: 64 KiB, 1000.
func label(x float64, unit string) string {
	if unit == "B" {
		for _, u := range []struct {
			size float64
			name string
		}{{1 << 20, " MiB"}, {1 << 10, " KiB"}} {
			if x >= u.size {
				return strconv.FormatFloat(x/u.size, 'f', -1, 64) + u.name
			}
		}
		return strconv.FormatFloat(x, 'f', -1, 64) + " B"
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// markdownCurve writes one table: a row for each point, a column for each figure of each peer.
func markdownCurve(b *bytes.Buffer, curve []batch.Batch, chart string) {
	p := curve[0].Scenario.Point
	fmt.Fprintf(b, "\n## %s: %s\n\n", p.Curve, p.Title)
	if chart != "" {
		fmt.Fprintf(b, "![%s](%s)\n\n", p.Title, chart)
	}
	peers, cols := peersOf(curve), curveColumns(curve)
	capWords := ""
	for i := range curve {
		if w := curve[i].Scenario.Point.CapWords; w != "" {
			capWords = w
		}
	}
	b.WriteString("| " + p.Unit + " |")
	line := "|--:|"
	head := func(words string) { b.WriteString(" " + words + " |"); line += "--:|" }
	for _, c := range cols {
		for i, peer := range peers {
			words := peer
			if peer == trial.Ours {
				words = "**" + peer + "**"
			}
			if i == 0 {
				words = c.Title + ": " + words
			}
			head(words)
			if c.Ratio && peer == trial.Ours {
				head("x raw")
			}
		}
	}
	if capWords != "" {
		head(capWords)
	}
	head("raw varied by")
	b.WriteString("\n" + line + "\n")
	for i := range curve {
		one := &curve[i]
		b.WriteString("| " + label(one.Scenario.Point.X, p.Unit) + " |")
		for _, c := range cols {
			for _, peer := range peers {
				b.WriteString(" " + figure(one, peer, c.Key) + " |")
				if c.Ratio && peer == trial.Ours {
					x, ok := one.Ratio(peer, c.Key)
					b.WriteString(" " + number(x, ok) + " |")
				}
			}
		}
		if capWords != "" {
			b.WriteString(" " + number(one.Scenario.Point.Cap, one.Scenario.Point.Cap > 0) + " |")
		}
		invalid := ""
		if !one.Valid {
			invalid = ", **INVALID**"
		}
		fmt.Fprintf(b, " %.0f %%%s |\n", 100*one.Spread, invalid)
	}
	fmt.Fprintf(b, "\nLoad %s before, %s after.\n", curve[0].LoadBefore, curve[len(curve)-1].LoadAfter)
	for i := range curve {
		for _, r := range curve[i].Rows {
			if r.Failed != "" {
				fmt.Fprintf(b, "\n- %s at %s failed: %s\n", r.Peer, label(curve[i].Scenario.Point.X, p.Unit), r.Failed)
			}
		}
	}
}

// curveColumns returns the columns that any point has filled.
func curveColumns(curve []batch.Batch) []trial.Column {
	return slices.DeleteFunc(slices.Clone(curve[0].Scenario.Columns), func(c trial.Column) bool {
		return !slices.ContainsFunc(curve, func(b batch.Batch) bool {
			return slices.ContainsFunc(b.Rows, func(r batch.Row) bool { _, ok := r.Figure[c.Key]; return ok })
		})
	})
}

func figure(one *batch.Batch, peer, key string) string {
	r := one.Row(peer)
	if r == nil {
		return "-"
	}
	v, ok := r.Figure[key]
	return number(v, ok)
}

func number(v float64, ok bool) string {
	if !ok {
		return "-"
	}
	return batch.Number(v)
}
