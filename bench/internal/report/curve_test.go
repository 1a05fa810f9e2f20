package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// curve is a document with a curve over xs and a batch that is no part of it. raw is 1000, ours falls as 1/x from
// 800 on.
func curve(unit string, xs ...float64) *batch.Document {
	doc := sample()
	for i, x := range xs {
		row := func(peer string, v float64) batch.Row {
			m := trial.Metrics{"rate": v, "cost": 2}
			return batch.Row{Peer: peer, Runs: []trial.Metrics{m}, Figure: m, Median: m}
		}
		cap := 0.
		if x > 0 {
			cap = 5000 / x
		}
		doc.Batches = append(doc.Batches, batch.Batch{
			Scenario: trial.Scenario{Name: fmt.Sprintf("c-%v", x), Title: "point", Columns: []trial.Column{
				{Key: "rate", Title: "ops/s", Higher: true, Ratio: true, Drawn: true}, {Key: "cost", Title: "cost", Drawn: true}, {Key: "none", Title: "nobody has it", Drawn: true},
			}, Point: &trial.Point{Curve: "c", Title: "what <grows>", X: x, Unit: unit, Cap: cap, CapWords: "a cap"}},
			Valid: i != 1, Spread: .1, LoadBefore: "1", LoadAfter: "2",
			Rows: []batch.Row{row("raw", 1000), row(trial.Ours, 800/max(1, x)), {Peer: "broken", Failed: "no ports"}},
		})
	}
	return doc
}

func TestGroups(t *testing.T) {
	groups := Groups(curve("B", 1, 2, 3).Batches)
	if len(groups) != 2 || len(groups[0]) != 1 || len(groups[1]) != 3 {
		t.Fatalf("%d groups", len(groups))
	}
	if got := groups[1][0].Scenario.Chart(); got != "c" {
		t.Errorf("the chart is %q", got)
	}
}

func TestCurveMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := Markdown(&b, curve("B", 16, 1024, 4<<20), func(s string) string { return "t-" + s + ".svg" }); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"## c: what <grows>\n", "![what <grows>](t-c.svg)",
		"| B | ops/s: raw | **gantline** | x raw | broken | cost: raw | **gantline** | broken | a cap | raw varied by |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
		"| 16 B | 1000 | 50.0 | 0.05 | - | 2.00 | 2.00 | - | 312 | 10 % |\n",
		"| 1 KiB | 1000 | 0.78 |", "10 %, **INVALID** |", "| 4 MiB |", "- broken at 1 KiB failed: no ports",
		"## s: do <it>", // the other batch is unchanged
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "nobody has it") {
		t.Error("a column that nobody has filled is shown")
	}
}

// TestCurveSVG: the picture is XML, and every point is marked inside it. A greater figure is higher, a greater X
// further to the right, and an invalid point is hollow.
func TestCurveSVG(t *testing.T) {
	for _, tc := range []struct {
		name string
		xs   []float64
	}{
		{"many", []float64{1, 10, 100, 1000}}, {"with nothing", []float64{0, 1, 5, 200}}, {"one", []float64{7}}, {"only nothing", []float64{0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := SVG(&b, curve("streams", tc.xs...).Batches[1:]...); err != nil {
				t.Fatal(err)
			}
			marks, hollow := spots(t, b.Bytes())
			ours := marks[trial.Ours]
			if len(ours) != 2*len(tc.xs) || len(marks["raw"]) != 2*len(tc.xs) || len(marks["broken"]) != 0 {
				t.Fatalf("%d marks of ours, %d of raw, want %d each", len(ours), len(marks["raw"]), 2*len(tc.xs))
			}
			for i := 1; i < len(tc.xs); i++ {
				if ours[i][0] <= ours[i-1][0] {
					t.Errorf("x %v is drawn at %v, the one before at %v", tc.xs[i], ours[i], ours[i-1])
				}
				if tc.xs[i] > 1 && ours[i][1] <= ours[i-1][1] {
					t.Errorf("less is drawn higher: %v, before %v", ours[i], ours[i-1])
				}
			}
			if want := 4 * min(1, len(tc.xs)-1); hollow != want { // two peers, two panels
				t.Errorf("%d hollow marks, want %d", hollow, want)
			}
			for _, want := range []string{"what &lt;grows&gt;", "prefers-color-scheme:dark", "streams</text>"} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("there is no %q", want)
				}
			}
			if got, want := strings.Contains(b.String(), "a cap"), tc.name != "only nothing"; got != want {
				t.Errorf("a cap is drawn: %v", got)
			}
		})
	}
}

var at = regexp.MustCompile(`^M(-?[0-9.]+) (-?[0-9.]+)m`)

// spots returns where the marks with a title are, by peer, and how many are hollow.
func spots(t *testing.T, svg []byte) (marks map[string][][2]float64, hollow int) {
	t.Helper()
	marks = map[string][][2]float64{}
	var height float64
	var place [2]float64
	class, inTitle := "", false
	for dec := xml.NewDecoder(bytes.NewReader(svg)); ; {
		tok, err := dec.Token()
		if err == io.EOF {
			return marks, hollow
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			inTitle = e.Name.Local == "title"
			for _, a := range e.Attr {
				switch m := at.FindStringSubmatch(a.Value); {
				case a.Name.Local == "height" && e.Name.Local == "svg":
					height, _ = strconv.ParseFloat(a.Value, 64)
				case a.Name.Local == "class":
					class = a.Value
				case a.Name.Local == "d" && m != nil:
					place[0], _ = strconv.ParseFloat(m[1], 64)
					place[1], _ = strconv.ParseFloat(m[2], 64)
				}
			}
		case xml.CharData:
			if !inTitle {
				continue
			}
			if place[0] < panelLeft || place[0] > chartWidth || place[1] < 0 || place[1] > height {
				t.Errorf("%s is outside: %v", e, place)
			}
			name, _, _ := strings.Cut(string(e), ":")
			marks[name] = append(marks[name], place)
			if !strings.HasSuffix(class, " m") {
				hollow++
			}
			inTitle = false
		}
	}
}

func TestAxis(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		ticks  int // at least
	}{{[]float64{5}, 1}, {[]float64{3, 4}, 1}, {[]float64{.2, 9}, 4}, {[]float64{1, 1e6}, 6}} {
		a := valueAxis(tc.values, 300, -200)
		if a.high/a.low < 3.99 {
			t.Errorf("%v: from %v to %v", tc.values, a.low, a.high)
		}
		for _, v := range append(a.ticks(), tc.values...) {
			if p := a.place(v); p < 100-1e-9 || p > 300+1e-9 || math.IsNaN(p) {
				t.Errorf("%v: %v is at %v", tc.values, v, p)
			}
		}
		if n := len(a.ticks()); n < tc.ticks || n > 12 {
			t.Errorf("%v: %d ticks: %v", tc.values, n, a.ticks())
		}
	}
	for v, want := range map[float64]string{.5: "0.5", 20: "20", 1000: "1000", 1e4: "10 k", 2e7: "20 M", .001: "0.001"} {
		if got := tick(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}
