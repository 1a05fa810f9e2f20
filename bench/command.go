package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/report"
	"github.com/gantline-project/gantline/bench/internal/smoke"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// errUsage has been explained already.
var errUsage = errors.New("usage")

const usage = `Usage: go run ./bench TABLE [flags]

Measures gantline side by side with raw TCP and its peers. Raw TCP is always among them. Each peer, scenario and
repetition is a process of its own; the peers take turns.

Tables:
%s  smoke     short, and fails on a gross regression; has no flags

Flags:
`

// flags are those of all tables.
type flags struct {
	peers, scenarios  string
	json, md, svg     string
	reps, attempts    int
	time              time.Duration
	spread            float64
	list, keep, quiet bool
}

func (f *flags) set(out io.Writer, known []trial.Table) *flag.FlagSet {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&f.peers, "peers", "", "only these `names`, separated by commas, and raw")
	fs.StringVar(&f.scenarios, "scenario", "", "only these `names`, separated by commas; a curve's has all of its points")
	fs.StringVar(&f.json, "json", "", "write every repetition to `file`")
	fs.StringVar(&f.md, "md", "", "write the tables to `file` instead of the standard output")
	fs.StringVar(&f.svg, "svg", "", "write the charts to `file` (one picture, name ends in .svg) or folder (one each)")
	fs.IntVar(&f.reps, "reps", 5, "`number` of repetitions")
	fs.DurationVar(&f.time, "time", 600*time.Millisecond, "`duration` of each; some scenarios need more")
	fs.Float64Var(&f.spread, "spread", 15, "`percent` that raw TCP's repetitions may lie apart; beyond, the batch is invalid and repeated")
	fs.IntVar(&f.attempts, "attempts", 3, "`number` of times that a batch is measured at most")
	fs.BoolVar(&f.keep, "keep", false, "keep a batch that is invalid, do not repeat it")
	fs.BoolVar(&f.list, "list", false, "list peers and scenarios")
	fs.BoolVar(&f.quiet, "quiet", false, "do not report progress")
	fs.Usage = func() {
		var b strings.Builder
		for _, t := range known {
			fmt.Fprintf(&b, "  %-10s%s\n", t.Name, t.Title)
		}
		fmt.Fprintf(out, usage, b.String())
		fs.PrintDefaults()
	}
	return fs
}

// command runs the command line.
func command(ctx context.Context, args []string, out, diag io.Writer) error {
	known := tables()
	var f flags
	fs := f.set(diag, known)
	if len(args) == 0 {
		fs.Usage()
		return errUsage
	}
	name := ""
	if !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return errUsage
	case fs.NArg() > 0:
		return fmt.Errorf("bench: %q is not a flag; one table at a time, before its flags", fs.Arg(0))
	}
	if f.list {
		list(out, known, name)
		return nil
	}
	if name == "smoke" {
		return smoke.Run(ctx, out, batch.Spawn)
	}
	for _, t := range known {
		if t.Name == name {
			return f.measure(ctx, t, out, diag)
		}
	}
	return fmt.Errorf("bench: no table %q; there are %s", name, tableNames(known))
}

func tableNames(known []trial.Table) string {
	var names []string
	for _, t := range known {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// list prints the peers and scenarios of one table, or of all.
func list(out io.Writer, known []trial.Table, name string) {
	for _, t := range known {
		if name != "" && t.Name != name {
			continue
		}
		var peers []string
		for _, p := range t.Peers {
			peers = append(peers, p.Name)
		}
		fmt.Fprintf(out, "%s: %s\n  peers: %s\n", t.Name, t.Title, strings.Join(peers, ", "))
		for _, s := range t.Scenarios {
			fmt.Fprintf(out, "  %-15s%s\n", s.Name, s.Title)
		}
	}
}

// measure runs a table and writes the requested files.
func (f *flags) measure(ctx context.Context, t trial.Table, out, diag io.Writer) error {
	o := batch.Options{Peers: split(f.peers), Scenarios: split(f.scenarios), Reps: f.reps, Time: f.time, Spread: f.spread / 100, Attempts: f.attempts, Log: diag}
	if f.reps < 1 || f.time <= 0 || f.attempts < 1 {
		return fmt.Errorf("bench: -reps %d, -time %v and -attempts %d have to be positive", f.reps, f.time, f.attempts)
	}
	if f.keep {
		o.Attempts = 1
	}
	if f.quiet {
		o.Log = io.Discard
	}
	doc, err := batch.Run(ctx, t, o)
	if err != nil {
		return err
	}
	return f.write(doc, out)
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// write writes the requested files.
func (f *flags) write(doc *batch.Document, out io.Writer) error {
	if f.json != "" {
		if err := toFile(f.json, func(w io.Writer) error { return report.JSON(w, doc) }); err != nil {
			return err
		}
	}
	chart, err := f.charts(doc)
	if err != nil {
		return err
	}
	if f.md == "" {
		return report.Markdown(out, doc, nil)
	}
	return toFile(f.md, func(w io.Writer) error { return report.Markdown(w, doc, chart) })
}

// charts writes the charts and returns where the Markdown file finds them.
func (f *flags) charts(doc *batch.Document) (func(string) string, error) {
	if f.svg == "" {
		return nil, nil
	}
	if strings.HasSuffix(f.svg, ".svg") {
		return nil, toFile(f.svg, func(w io.Writer) error { return report.SVG(w, doc.Batches...) })
	}
	if err := os.MkdirAll(f.svg, 0o755); err != nil {
		return nil, err
	}
	for _, g := range report.Groups(doc.Batches) {
		name := chartName(doc, g[0].Scenario.Chart())
		if err := toFile(filepath.Join(f.svg, name), func(w io.Writer) error { return report.SVG(w, g...) }); err != nil {
			return nil, err
		}
	}
	return func(chart string) string {
		name := filepath.Join(f.svg, chartName(doc, chart))
		if rel, err := filepath.Rel(filepath.Dir(f.md), name); err == nil {
			name = rel
		}
		return filepath.ToSlash(name)
	}, nil
}

func chartName(doc *batch.Document, chart string) string {
	return doc.Table + "-" + chart + ".svg"
}

func toFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
