package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/targets"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample() *batch.Document {
	row := func(peer string, rate, cost float64) batch.Row {
		m := trial.Metrics{"rate": rate, "cost": cost}
		return batch.Row{Peer: peer, Runs: []trial.Metrics{m, m}, Figure: m, Median: trial.Metrics{"rate": rate / 2, "cost": cost}}
	}
	low := row("lazy", 10, 3)
	low.Low = "peer below its figure: row invalid"
	return &batch.Document{
		Table: "t", Title: "Things", Words: "What things cost.", Effective: "gantline.Config{}", Reps: 2,
		Machine: batch.Machine{OS: "linux", Arch: "amd64", Go: "go1.26", Cores: 2, LoadBefore: "0.1", LoadAfter: "0.2"},
		Peers:   []batch.PeerWords{{Name: "raw", Version: "go1.26", Config: "a|b"}},
		Batches: []batch.Batch{{
			Scenario: trial.Scenario{Name: "s", Title: "do <it>", Columns: []trial.Column{
				{Key: "rate", Title: "ops/s", Higher: true, Ratio: true}, {Key: "cost", Title: "cost"}, {Key: "none", Title: "nobody has it"},
			}},
			Attempts: 2, Spread: .3, LoadBefore: "1", LoadAfter: "2",
			Rows:    []batch.Row{row("raw", 1000, 1), row(trial.Ours, 800, 2), low, {Peer: "broken", Failed: "no ports"}},
			Targets: []targets.Verdict{{Words: "ops/s at least 1 x raw", Figure: "0.80 x"}, {Words: "cost at most 2", Figure: "2", Met: true}},
		}},
	}
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := Markdown(&b, sample(), func(s string) string { return "t-" + s + ".svg" }); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"# Things\n", "2 cores, linux/amd64, go1.26; load 0.1 before, 0.2 after.", "gantline's Config: gantline.Config{}.",
		"| raw | go1.26 | a\\|b |", "## s: do <it>", "![do <it>](t-s.svg)",
		"**INVALID: the machine was not steady.** Raw TCP varied by 30 % (the steadiest of 2 attempts)",
		"| peer | ops/s | x raw | cost |\n|---|--:|--:|--:|\n",
		"| raw | 1000 (500) | 1.00 | 1.00 |", "| **gantline** | 800 (400) | 0.80 | 2.00 |", "| lazy (!) |", "| broken (!) | - | - | - |",
		"- broken failed: no ports", "- lazy: peer below its figure: row invalid",
		"| ops/s at least 1 x raw | 0.80 x | **not met** |", "| cost at most 2 | 2 | met |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "nobody has it") {
		t.Error("a column that nobody has filled is shown")
	}
}

// TestSVG: the picture is XML, one bar per peer with a figure, none longer than the picture.
func TestSVG(t *testing.T) {
	for _, tc := range []struct {
		name        string
		low         float64
		logarithmic bool
	}{{"linear", 100, false}, {"logarithmic", 1, true}} {
		t.Run(tc.name, func(t *testing.T) {
			doc := sample()
			doc.Batches[0].Rows[2].Figure["rate"] = tc.low
			var b bytes.Buffer
			if err := SVG(&b, doc.Batches[0], doc.Batches[0]); err != nil {
				t.Fatal(err)
			}
			bars := 0
			dec := xml.NewDecoder(bytes.NewReader(b.Bytes()))
			for {
				tok, err := dec.Token()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
					bars++
				}
			}
			if bars != 6 {
				t.Errorf("%d bars, want 6", bars)
			}
			if got := strings.Contains(b.String(), "logarithmic"); got != tc.logarithmic {
				t.Errorf("logarithmic: %v", got)
			}
			for _, want := range []string{"do &lt;it&gt;", "INVALID", "no figure", "(0.80 x raw)", "prefers-color-scheme:dark"} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("there is no %q", want)
				}
			}
		})
	}
}

func TestScale(t *testing.T) {
	doc := sample()
	for _, low := range []float64{500, 1} {
		doc.Batches[0].Rows[2].Figure["rate"] = low
		scale, _ := newScale(&doc.Batches[0], "rate")
		if top := scale(1000); top < .999 || top > 1.001 {
			t.Errorf("the longest bar is %v", top)
		}
		if v := scale(low); v <= 0 || v >= 1 {
			t.Errorf("the shortest bar is %v", v)
		}
	}
	if scale, _ := newScale(&doc.Batches[0], "none"); scale(1) != 0 {
		t.Error("a bar without figures")
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, sample()); err != nil {
		t.Fatal(err)
	}
	var back []batch.Document
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back) != 1 || len(back[0].Batches[0].Rows[1].Runs) != 2 || back[0].Batches[0].Rows[1].Figure["rate"] != 800 {
		t.Errorf("%+v", back)
	}
}
