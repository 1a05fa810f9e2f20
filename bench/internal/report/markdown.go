// Package report writes what a batch measured: Markdown for people, SVG charts, JSON for programs.
//
// # Usage
//
//	err := report.Markdown(w, doc, func(name string) string { return "streams-" + name + ".svg" })
//	for _, g := range report.Groups(doc.Batches) {
//		err = report.SVG(w, g...)
//	}
//	err = report.JSON(w, doc)
//
// # Concurrency
//
// Every function may be called from any goroutine.
//
// # Errors
//
// Those of the writer.
package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Markdown writes doc. chart returns the address of a chart by its name, which is the scenario's or the curve's, ""
// for none; nil means no charts.
func Markdown(w io.Writer, doc *batch.Document, chart func(name string) string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Written by \"go run ./bench %s -md\": do not edit. -->\n\n# %s\n\n%s\n\n", doc.Table, doc.Title, doc.Words)
	m := doc.Machine
	fmt.Fprintf(&b, "%d cores%s, %s/%s%s, %s; load %s before, %s after.%s\n\n", m.Cores, prefixed(" of ", m.CPU), m.OS, m.Arch, prefixed(" ", m.Kernel), m.Go, m.LoadBefore, m.LoadAfter, prefixed(" Commit ", m.Revision))
	median := " (their median)"
	if !slices.ContainsFunc(doc.Batches, func(o batch.Batch) bool { return o.Scenario.Point == nil }) {
		median = " at most"
	}
	fmt.Fprintf(&b, "Each cell is the best of %d repetitions%s; each repetition is a process of its own, and the peers take turns. \"x raw\" is the multiple of raw TCP's best. "+
		"System calls are reads and writes as /proc/self/io counts them. Only ratios within one table can be compared with other machines.\n\n", doc.Reps, median)
	if doc.Effective != "" {
		fmt.Fprintf(&b, "gantline's Config: %s.\n\n", doc.Effective)
	}
	b.WriteString("| peer | version | configuration |\n|---|---|---|\n")
	for _, p := range doc.Peers {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.Name, p.Version, cell(p.Config))
	}
	for _, g := range Groups(doc.Batches) {
		address := ""
		if chart != nil {
			address = chart(g[0].Scenario.Chart())
		}
		if g[0].Scenario.Point != nil {
			markdownCurve(&b, g, address)
		} else {
			markdownBatch(&b, &g[0], address)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// cell is s without characters that would end a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
}

func markdownBatch(b *bytes.Buffer, one *batch.Batch, chart string) {
	s := one.Scenario
	fmt.Fprintf(b, "\n## %s: %s\n\n", s.Name, s.Title)
	b.WriteString(verdict(one) + "\n\n")
	if chart != "" {
		fmt.Fprintf(b, "![%s](%s)\n\n", s.Title, chart)
	}
	cols := used(one)
	b.WriteString("| peer |")
	line := "|---|"
	for _, c := range cols {
		b.WriteString(" " + c.Title + " |")
		line += "--:|"
		if c.Ratio {
			b.WriteString(" x raw |")
			line += "--:|"
		}
	}
	b.WriteString("\n" + line + "\n")
	for i := range one.Rows {
		markdownRow(b, one, &one.Rows[i], cols)
	}
	notes(b, one)
	if len(one.Targets) == 0 {
		return
	}
	b.WriteString("\n| target | measured | |\n|---|---|---|\n")
	for _, t := range one.Targets {
		met := "**not met**"
		if t.Met {
			met = "met"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", t.Words, t.Figure, met)
	}
}

// verdict says whether the batch counts.
func verdict(one *batch.Batch) string {
	if one.Scenario.Steady {
		return fmt.Sprintf("Load %s before, %s after.", one.LoadBefore, one.LoadAfter)
	}
	s := fmt.Sprintf("Raw TCP varied by %.0f %%", 100*one.Spread)
	if one.Attempts > 1 {
		s += fmt.Sprintf(" (the steadiest of %d attempts)", one.Attempts)
	}
	s += fmt.Sprintf("; load %s before, %s after.", one.LoadBefore, one.LoadAfter)
	if !one.Valid {
		return "**INVALID: the machine was not steady.** " + s
	}
	return s
}

// used returns the columns that any peer has filled.
func used(one *batch.Batch) []trial.Column {
	var cols []trial.Column
	for _, c := range one.Scenario.Columns {
		for i := range one.Rows {
			if _, ok := one.Rows[i].Figure[c.Key]; ok {
				cols = append(cols, c)
				break
			}
		}
	}
	return cols
}

func markdownRow(b *bytes.Buffer, one *batch.Batch, r *batch.Row, cols []trial.Column) {
	name := r.Peer
	if name == trial.Ours {
		name = "**" + name + "**"
	}
	if r.Low != "" || r.Failed != "" {
		name += " (!)"
	}
	b.WriteString("| " + name + " |")
	for _, c := range cols {
		v, ok := r.Figure[c.Key]
		text := "-"
		if ok {
			text = batch.Number(v)
			if m := r.Median[c.Key]; len(r.Runs) > 1 && c.Over == trial.Best && batch.Number(m) != text {
				text += " (" + batch.Number(m) + ")"
			}
		}
		b.WriteString(" " + text + " |")
		if c.Ratio {
			text = "-"
			if x, ok := one.Ratio(r.Peer, c.Key); ok {
				text = batch.Number(x)
			}
			b.WriteString(" " + text + " |")
		}
	}
	b.WriteString("\n")
}

// notes says what is wrong with rows.
func notes(b *bytes.Buffer, one *batch.Batch) {
	for _, r := range one.Rows {
		if r.Failed != "" {
			fmt.Fprintf(b, "\n- %s failed: %s\n", r.Peer, r.Failed)
		}
		if r.Low != "" {
			fmt.Fprintf(b, "\n- %s: %s\n", r.Peer, r.Low)
		}
	}
}
