package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// The chart's measures in pixels.
const (
	chartWidth = 720
	nameWidth  = 130 // peers' names, left of the bars
	textWidth  = 150 // figures, right of the longest bar
	headHeight = 58
	barHeight  = 18
	barStep    = 26
)

// logFrom is the ratio between the longest and the shortest bar above which the scale is logarithmic.
const logFrom = 50

// The colours follow the reader's setting, dark or light.
const style = `<style>
text{font:13px system-ui,sans-serif;fill:#1f2328}
.t{font-size:15px;font-weight:600}
.s{font-size:12px;fill:#59636e}
.o{font-weight:600}
rect{fill:#8c959f}
rect.o{fill:#0969da}
rect.r{fill:#57606a}
rect.bad{fill:none;stroke:#8c959f;stroke-dasharray:4 3}
line{stroke:#d1d9e0}
path{fill:none;stroke-width:2}
path.cap{stroke-dasharray:5 4}
path.raw{stroke:#57606a}
path.gantline{stroke:#0969da}
path.third{stroke:#bc4c00}
path.fourth{stroke:#1a7f37}
path.cap{stroke:#8250df}
path.raw.m{fill:#57606a}
path.gantline.m{fill:#0969da}
path.third.m{fill:#bc4c00}
path.fourth.m{fill:#1a7f37}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.s{fill:#9198a1}
rect{fill:#656c76}
rect.o{fill:#4493f8}
rect.r{fill:#9198a1}
rect.bad{fill:none;stroke:#9198a1}
line{stroke:#3d444d}
path.raw{stroke:#b1bac4}
path.gantline{stroke:#4493f8}
path.third{stroke:#f0883e}
path.fourth{stroke:#3fb950}
path.cap{stroke:#ab7df8}
path.raw.m{fill:#b1bac4}
path.gantline.m{fill:#4493f8}
path.third.m{fill:#f0883e}
path.fourth.m{fill:#3fb950}
}
</style>
`

// SVG writes one chart below the other: curves, and bars for batches that are no part of one. The bars show a
// batch's first column.
func SVG(w io.Writer, batches ...batch.Batch) error {
	var body bytes.Buffer
	y := 0
	for _, g := range Groups(batches) {
		if g[0].Scenario.Point != nil {
			y += drawCurve(&body, g, y)
		} else {
			y += drawBatch(&body, &g[0], y)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", chartWidth, y, chartWidth, y)
	b.WriteString(style)
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// drawBatch draws one chart from y on and returns its height.
func drawBatch(b *bytes.Buffer, one *batch.Batch, y int) int {
	col := one.Scenario.Columns[0]
	scale, logarithmic := newScale(one, col.Key)
	words := col.Title
	if col.Higher {
		words += ", more is better"
	} else {
		words += ", less is better"
	}
	if logarithmic {
		words += ", logarithmic scale"
	}
	if !one.Valid {
		words += "; INVALID: the machine was not steady"
	}
	text(b, 12, y+24, "t", one.Scenario.Title)
	text(b, 12, y+43, "s", words)
	top := y + headHeight
	for i := range one.Rows {
		drawRow(b, one, &one.Rows[i], scale, top+i*barStep)
	}
	height := headHeight + len(one.Rows)*barStep + 12
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", nameWidth, top-4, nameWidth, y+height-14)
	return height
}

func drawRow(b *bytes.Buffer, one *batch.Batch, r *batch.Row, scale func(float64) float64, y int) {
	col := one.Scenario.Columns[0]
	class := "p"
	switch r.Peer {
	case trial.Ours:
		class = "o"
	case trial.Raw:
		class = "r"
	}
	fmt.Fprintf(b, `<text class="%s" x="%d" y="%d" text-anchor="end">%s</text>`+"\n", class, nameWidth-8, y+barHeight-5, html.EscapeString(r.Peer))
	v, ok := r.Figure[col.Key]
	if !ok {
		text(b, nameWidth+8, y+barHeight-5, "s", "no figure")
		return
	}
	label := batch.Number(v)
	if x, ok := one.Ratio(r.Peer, col.Key); ok && r.Peer != trial.Raw {
		label += " (" + batch.Number(x) + " x raw)"
	}
	if r.Low != "" {
		class, label = "bad", label+" (!)"
	}
	width := math.Max(1, scale(v)*(chartWidth-nameWidth-textWidth))
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`+"\n", class, nameWidth, y, width, barHeight)
	text(b, nameWidth+int(width)+8, y+barHeight-5, "v", label)
}

func text(b *bytes.Buffer, x, y int, class, s string) {
	fmt.Fprintf(b, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, html.EscapeString(s))
}

// newScale returns what maps a figure to the part of the width that its bar takes.
func newScale(one *batch.Batch, key string) (scale func(float64) float64, logarithmic bool) {
	low, high := math.Inf(1), 0.0
	for _, r := range one.Rows {
		if v := r.Figure[key]; v > 0 {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	if high == 0 {
		return func(float64) float64 { return 0 }, false
	}
	if high/low < logFrom {
		return func(v float64) float64 { return v / high }, false
	}
	// A decade of room on the left, so that the shortest bar can be seen.
	from, to := math.Log10(low)-.3, math.Log10(high)
	return func(v float64) float64 {
		if v <= 0 {
			return 0
		}
		return (math.Log10(v) - from) / (to - from)
	}, true
}
