package report

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// The measures of a chart of lines in pixels; a chart has a panel for each figure that is drawn.
const (
	panelLeft   = 70 // figures' labels
	panelRight  = 24
	panelHeight = 210 // of the drawing
	panelHead   = 26  // its title
	panelFoot   = 46  // the labels below
)

// line is one line of a panel: the figure of a peer, or the cap.
type line struct {
	name, class, mark string
	points            []spot
}

// spot is a point of a line.
type spot struct {
	x, v float64
	bad  bool // its batch is invalid
}

// drawCurve draws the panels of a curve from y on, with logarithmic axes, and returns their height.
func drawCurve(b *bytes.Buffer, curve []batch.Batch, y int) int {
	p := curve[0].Scenario.Point
	words := "logarithmic axes"
	if slices.ContainsFunc(curve, func(o batch.Batch) bool { return !o.Valid }) {
		words += "; hollow: INVALID, the machine was not steady"
	}
	text(b, 12, y+24, "t", p.Title)
	text(b, 12, y+43, "s", words)
	xs := xAxis(curve)
	top := y + headHeight
	for _, c := range curveColumns(curve) {
		if c.Drawn {
			top += drawPanel(b, c, linesOf(curve, c), xs, p.Unit, top)
		}
	}
	return top - y
}

// xPlaces maps each X to its pixel.
type xPlaces struct {
	at   func(x float64) float64
	list []float64
}

// xAxis places the points. Zero is not on a logarithmic axis: it has a place of its own left of the rest.
func xAxis(curve []batch.Batch) xPlaces {
	var list, positive []float64
	for i := range curve {
		x := curve[i].Scenario.Point.X
		list = append(list, x)
		if x > 0 {
			positive = append(positive, x)
		}
	}
	const margin = 24.
	from, pixels := panelLeft+margin, chartWidth-panelLeft-panelRight-2*margin
	zero := from
	if len(positive) < len(list) {
		from, pixels = from+90, pixels-90
	}
	if len(positive) == 0 || slices.Min(positive) == slices.Max(positive) {
		return xPlaces{func(x float64) float64 {
			if x > 0 {
				return from + pixels/2
			}
			return zero
		}, list}
	}
	a := axis{slices.Min(positive), slices.Max(positive), from, pixels}
	return xPlaces{func(x float64) float64 {
		if x <= 0 {
			return zero
		}
		return a.place(x)
	}, list}
}

// linesOf returns a line for each peer, with raw first and ours on top. If the cap is the first column's, it is
// a line too.
func linesOf(curve []batch.Batch, c trial.Column) []line {
	var out []line
	limit := line{class: "cap"}
	for i := range curve {
		if p := curve[i].Scenario.Point; p.Cap > 0 && c.Key == curve[i].Scenario.Columns[0].Key {
			limit.name = p.CapWords
			limit.points = append(limit.points, spot{x: p.X, v: p.Cap})
		}
	}
	if len(limit.points) > 0 {
		out = append(out, limit)
	}
	others := []string{"third", "fourth"}
	for i, peer := range peersOf(curve) {
		l := line{name: peer, class: others[i%len(others)], mark: "M%.1f %.1fm-5 0l5 -5l5 5l-5 5z"}
		switch peer {
		case trial.Raw:
			l.class, l.mark = "raw", "M%.1f %.1fm-4 -4h8v8h-8z"
		case trial.Ours:
			l.class, l.mark = "gantline", "M%.1f %.1fm-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"
		}
		for k := range curve {
			r := curve[k].Row(peer)
			if r == nil {
				continue
			}
			if v := r.Figure[c.Key]; v > 0 && !math.IsInf(v, 0) { // zero has no place on the axis
				l.points = append(l.points, spot{curve[k].Scenario.Point.X, v, !curve[k].Valid})
			}
		}
		if len(l.points) > 0 {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b line) int {
		return strings.Compare(fmt.Sprint(a.name == trial.Ours), fmt.Sprint(b.name == trial.Ours))
	})
	return out
}

// drawPanel draws one figure from y on and returns its height.
func drawPanel(b *bytes.Buffer, c trial.Column, lines []line, xs xPlaces, unit string, y int) int {
	const height = panelHead + panelHeight + panelFoot
	better := ", less is better"
	if c.Higher {
		better = ", more is better"
	}
	text(b, 12, y+14, "o", c.Title+better)
	var values []float64
	for _, l := range lines {
		for _, p := range l.points {
			values = append(values, p.v)
		}
	}
	if len(values) == 0 {
		text(b, panelLeft, y+panelHead+20, "s", "no figure")
		return height
	}
	legend(b, lines, y+14)
	top, bottom := y+panelHead, y+panelHead+panelHeight
	ys := valueAxis(values, float64(bottom), -panelHeight)
	for _, v := range ys.ticks() {
		at := ys.place(v)
		fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", panelLeft, at, chartWidth-panelRight, at)
		fmt.Fprintf(b, `<text class="s" x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", panelLeft-6, at+4, tick(v))
	}
	for _, x := range xs.list {
		at := xs.at(x)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at, top, at, bottom+4)
		fmt.Fprintf(b, `<text class="s" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", at, bottom+18, label(x, unit))
	}
	if unit != "B" { // which the labels have
		fmt.Fprintf(b, `<text class="s" x="%d" y="%d" text-anchor="end">%s</text>`+"\n", chartWidth-panelRight, bottom+33, html.EscapeString(unit))
	}
	for _, l := range lines {
		drawLine(b, l, xs, ys)
	}
	return height
}

// drawLine draws marks and what connects them; a point at zero is not connected, for the axis is broken there.
func drawLine(b *bytes.Buffer, l line, xs xPlaces, ys axis) {
	var path strings.Builder
	step := "M"
	for _, p := range l.points {
		if p.x > 0 {
			fmt.Fprintf(&path, "%s%.1f %.1f", step, xs.at(p.x), ys.place(p.v))
			step = "L"
		}
	}
	if path.Len() > 0 {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`+"\n", l.class, path.String())
	}
	if l.mark == "" {
		return
	}
	for _, p := range l.points {
		class := l.class
		if !p.bad {
			class += " m" // filled
		}
		fmt.Fprintf(b, `<path class="%s" d="`+l.mark+`"><title>%s</title></path>`+"\n", class, xs.at(p.x), ys.place(p.v), html.EscapeString(l.name+": "+batch.Number(p.v)))
	}
}

// legend names the lines at the right of a panel's title.
func legend(b *bytes.Buffer, lines []line, y int) {
	const sample, letter, gap = 24, 7, 14
	x := chartWidth - panelRight
	for _, l := range lines {
		x -= sample + letter*len(l.name) + gap
	}
	for _, l := range lines {
		fmt.Fprintf(b, `<path class="%s" d="M%d %dh18"/>`+"\n", l.class, x, y-4)
		if l.mark != "" {
			fmt.Fprintf(b, `<path class="%s m" d="`+l.mark+`"/>`+"\n", l.class, float64(x+9), float64(y-4))
		}
		text(b, x+sample, y, "s", l.name)
		x += sample + letter*len(l.name) + gap
	}
}
