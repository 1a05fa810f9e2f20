package suspended

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestCost: an event costs the same whatever the Pool holds. It counts steps, not time.
func TestCost(t *testing.T) {
	for _, sources := range []int{1, 100, 100_000} { // the last is one for each value
		t.Run(fmt.Sprint(sources), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cost := func(n int) int {
					p := New(Limits{Count: n, Bytes: 1 << 40, Few: 8, Idle: time.Hour}, look, func(*value, Limit) bool { return true })
					r := rand.New(rand.NewPCG(1, 2))
					made := 0
					add := func() *value {
						v := waiting("", fmt.Sprint(made%sources), r.IntN(1000), made%3 > 0)
						made++
						p.Update(v)
						return v
					}
					for range n {
						add()
					}
					most := 0
					for range 1000 { // each is one too many, and one returns at times
						before := p.steps
						if v := add(); made%5 == 0 {
							v.Waiting = false
							p.Update(v)
						}
						most = max(most, p.steps-before)
					}
					for v := range p.items {
						p.Remove(v)
					}
					return most
				}
				few, many := cost(100), cost(10_000)
				t.Logf("at most %d comparisons with 100, %d with 10,000", few, many)
				if many > 3*few+100 { // a logarithm; a scan would be 100 times as many
					t.Errorf("an event costs %d comparisons with 100, and %d with 10,000", few, many)
				}
			})
		})
	}
}

// TestModel plays random events and compares with a plain list, which is scanned for everything.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			limits := Limits{Count: r.IntN(12), PerSource: r.IntN(6), Bytes: r.IntN(60)}
			var got dropped
			p := New(limits, look, got.drop)
			var model []*value // in the order of their coming
			of := func(src string, idle bool) (n int) {
				for _, v := range model {
					if v.Source == src && (v.Idle || !idle) {
						n++
					}
				}
				return n
			}
			bytes := func(src string) (n int) {
				for _, v := range model {
					if v.Source == src || src == "" {
						n += v.Bytes
					}
				}
				return n
			}
			oldest := func(src string) *value {
				for _, v := range model {
					if v.Source == src && v.Idle {
						return v
					}
				}
				return model[slices.IndexFunc(model, func(v *value) bool { return v.Source == src })]
			}
			most := func(by func(src string) int) string {
				return slices.MaxFunc(model, func(a, b *value) int { return cmp.Compare(by(a.Source), by(b.Source)) }).Source
			}
			for step := range 300 {
				<-time.After(time.Microsecond)
				var v *value
				if len(model) > 0 && r.IntN(3) == 0 {
					v = model[r.IntN(len(model))]
					switch r.IntN(3) {
					case 0:
						v.Bytes = r.IntN(30)
						p.Update(v)
					case 1:
						v.Waiting = false
						p.Update(v)
						model = slices.DeleteFunc(model, func(x *value) bool { return x == v })
					case 2:
						p.Remove(v)
						model = slices.DeleteFunc(model, func(x *value) bool { return x == v })
					}
				} else {
					v = waiting(fmt.Sprint(step), string(rune('A'+r.IntN(4))), r.IntN(20), r.IntN(2) == 0)
					model = append(model, v)
					p.Update(v)
				}
				// What goes need not be the same where several are equal, but it must be one of those.
				for _, name := range got.take() {
					i := slices.IndexFunc(model, func(x *value) bool { return x.name == name })
					if i < 0 {
						t.Fatalf("seed %d: %s is not there and was dropped", seed, name)
					}
					x := model[i]
					idle := slices.ContainsFunc(model, func(x *value) bool { return x.Idle })
					least := func(by func(src string) int) bool { return by(x.Source) == by(most(by)) }
					all := func(src string) int { return of(src, false) }
					lazy := func(src string) int { return of(src, true) }
					switch {
					case limits.PerSource > 0 && all(x.Source) > limits.PerSource:
						if x != oldest(x.Source) {
							t.Fatalf("seed %d: %s is not the oldest of its source", seed, name)
						}
					case limits.Count > 0 && len(model) > limits.Count:
						if x != oldest(x.Source) || idle && !least(lazy) || !idle && !least(all) {
							t.Fatalf("seed %d: %s goes, of %d", seed, name, len(model))
						}
					case limits.Bytes > 0 && bytes("") > limits.Bytes:
						for _, y := range model {
							if !least(bytes) || y.Source == x.Source && y.Bytes > x.Bytes {
								t.Fatalf("seed %d: %s goes, with %d bytes", seed, name, x.Bytes)
							}
						}
					default:
						t.Fatalf("seed %d: %s goes, and there is room", seed, name)
					}
					model = slices.Delete(model, i, i+1)
				}
				st := p.Stats()
				if st.Waiting != len(model) || st.Bytes != bytes("") {
					t.Fatalf("seed %d: stats %+v, want %d with %d bytes", seed, st, len(model), bytes(""))
				}
				if limits.Count > 0 && len(model) > limits.Count || limits.Bytes > 0 && st.Bytes > limits.Bytes {
					t.Fatalf("seed %d: over the limits %+v: %+v", seed, limits, st)
				}
			}
			for _, v := range slices.Clone(model) {
				p.Remove(v)
			}
		})
	}
}
