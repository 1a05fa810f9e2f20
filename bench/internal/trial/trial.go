// Package trial is shared by the program that runs a bench and the child processes that measure. It has the plan
// of one measurement, its report, and the scenarios and columns of a table.
//
// # Usage
//
// A package of scenarios declares a Table and has a function that runs a Plan. A program with peers calls Child
// when it was started as one:
//
//	if trial.IsChild() {
//		os.Exit(trial.Child(os.Stdout, runners))
//	}
//
// # Concurrency
//
// Tables are values; nothing here is shared between goroutines.
//
// # Errors
//
// A measurement that fails is a Report with Failed set: the rest of the batch continues.
package trial

import "time"

// Plan says what one child process measures.
type Plan struct {
	Table, Scenario, Peer string
	// Warm is how long the work runs before it counts, Time how long it counts.
	Warm, Time time.Duration
}

// Metrics are figures by the key of their column.
type Metrics map[string]float64

// Report is what a child process prints, as one line of JSON.
type Report struct {
	// Version is the version of the peer's module, Config a description of its configuration.
	Version, Config string
	// Effective is gantline's Config as it was used; "" for other peers.
	Effective string `json:",omitempty"`
	Metrics   Metrics
	// Failed says why there are no figures; "" if there are.
	Failed string `json:",omitempty"`
}

// Over says how the repetitions of a column become one figure.
type Over int

// The ways of combining repetitions.
const (
	Best  Over = iota // the least disturbed one
	Worst             // for limits that must hold every time
	Sum               // for counts
)

// Column is one figure of a scenario.
type Column struct {
	// Key names the figure in Metrics and in JSON, Title heads its column.
	Key, Title string
	// Higher says that more is better.
	Higher bool
	// Ratio asks for a column with the ratio to raw TCP.
	Ratio bool
	// Over says which of several repetitions counts.
	Over Over
	// Drawn says that the chart of a curve has it.
	Drawn bool `json:",omitempty"`
}

// Scenario is one table: the same work done by all peers.
type Scenario struct {
	// Name is what -scenario takes, Title its heading.
	Name, Title string
	// Columns are the figures; the first one is charted.
	Columns []Column
	// Judge is the key of the column whose spread says whether raw TCP was steady; "" = the first one's.
	Judge string
	// Warm and Time are the least that the scenario needs, whatever -time says.
	Warm, Time time.Duration
	// MaxReps bounds the repetitions; 0 = -reps.
	MaxReps int
	// Steady says that raw's figure does not depend on the clock (bytes, counts), so that its spread says
	// nothing.
	Steady bool
	// Without names the peers that cannot do it.
	Without []string
	// Point places the scenario on a curve; nil = it is on none.
	Point *Point `json:",omitempty"`
}

// Point is the place of a scenario on a curve. Scenarios of one curve follow each other.
type Point struct {
	// Curve is the curve's name, which -scenario takes for all of its points. Title is its heading.
	Curve, Title string
	// X is what grows, and Unit what it counts: "B" is shown as KiB and MiB.
	X    float64
	Unit string
	// Cap is the theoretical limit of the first column, CapWords the reason; 0 = none.
	Cap      float64 `json:",omitempty"`
	CapWords string  `json:",omitempty"`
}

// Chart is the name of the chart that has the scenario: its curve's or its own.
func (s *Scenario) Chart() string {
	if s.Point != nil {
		return s.Point.Curve
	}
	return s.Name
}

// Peer is a contender of a table.
type Peer struct {
	// Name is what -peers takes.
	Name string
	// Program is the folder of the nested module below bench/ whose program has the peer; "" = this one.
	Program string
}

// Table is a group of scenarios with the same peers: one command.
type Table struct {
	// Name is the command, Title heads the document, Words say what the figures mean.
	Name, Title, Words string
	// Scenarios and Peers in the order in which they are shown. The first peer is raw.
	Scenarios []Scenario
	Peers     []Peer
}

// Raw and Ours are the names of the two peers that every table has.
const (
	Raw  = "raw"
	Ours = "gantline"
)

// Costs are the columns that every scenario with operations has; op is the operation's name.
func Costs(op string) []Column {
	return []Column{
		{Key: "cpu_us", Title: "CPU us/" + op, Ratio: true},
		{Key: "syscalls", Title: "syscalls/" + op},
		{Key: "switches", Title: "switches/" + op},
		{Key: "allocs", Title: "allocs/" + op},
		{Key: "alloc_bytes", Title: "alloc B/" + op},
	}
}
