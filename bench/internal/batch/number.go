package batch

import (
	"math"
	"strconv"
)

// Number prints a figure with three significant digits: 0.28, 12.1, 5568, 58.1 k, 4.10 M.
func Number(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case a >= 9.995e8:
		return digits(v/1e9) + " G"
	case a >= 9.995e5:
		return digits(v/1e6) + " M"
	case a >= 9999.5:
		return digits(v/1e3) + " k"
	}
	return digits(v)
}

func digits(v float64) string {
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0"
	case a < 0.005:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case a < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}
