package report

import (
	"math"
	"slices"
	"strconv"
)

// axis is a logarithmic scale from low to high. It covers a number of pixels from at on; negative pixels go up.
type axis struct{ low, high, at, pixels float64 }

// place returns the pixel of v, which is positive.
func (a axis) place(v float64) float64 {
	return a.at + a.pixels*math.Log(v/a.low)/math.Log(a.high/a.low)
}

// valueAxis has room for all of values, which are positive. It spans a factor of four at least, so that flat
// curves look flat.
func valueAxis(values []float64, at, pixels float64) axis {
	low, high := slices.Min(values)/1.2, slices.Max(values)*1.2
	if f := math.Sqrt(4 * low / high); f > 1 {
		low, high = low/f, high*f
	}
	return axis{low, high, at, pixels}
}

// ticks are powers of ten, with 2 and 5 between them when there are few.
func (a axis) ticks() []float64 {
	steps := []float64{1, 2, 5}
	if a.high/a.low > 1000 {
		steps = steps[:1]
	}
	var out []float64
	for e := math.Floor(math.Log10(a.low)); e <= math.Ceil(math.Log10(a.high)); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= a.low && v <= a.high {
				out = append(out, v)
			}
		}
	}
	return out
}

// tick prints a figure beside an axis: 0.5, 20, 10 k.
func tick(v float64) string {
	unit := ""
	for _, u := range []string{" k", " M", " G"} {
		if v < 9999.5 {
			break
		}
		v, unit = v/1000, u
	}
	return strconv.FormatFloat(v, 'g', 4, 64) + unit
}
