package chaos

import "math/rand/v2"

// source yields the numbers of one decision. It is guarded by Group.mu.
type source struct{ pcg *rand.PCG }

// newSource returns the numbers for one purpose. They depend only on the seed and the names of the purpose, so
// that neither time nor other connections change them.
func newSource(seed uint64, names ...int) *source {
	h := seed
	for _, n := range names {
		h = mix(h + uint64(n) + 0x9e3779b97f4a7c15) // the golden ratio: no two sums of small numbers coincide
	}
	return &source{rand.NewPCG(seed, h)}
}

// mix spreads every bit of x over the whole word (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *source) next() uint64 { return s.pcg.Uint64() }

// draw returns a value of the span.
func (s *source) draw(of Span) int64 {
	if of.Max <= of.Min {
		return of.Min
	}
	return of.Min + int64(s.next()%uint64(of.Max-of.Min+1)) // spans are far below 2^63
}
