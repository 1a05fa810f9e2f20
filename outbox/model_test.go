package outbox

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gantline-project/gantline"
)

var modelSeeds = flag.Int("model.seeds", 300, "seeds of TestModel")

func binarySum(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, sum(b)) }

// model is what a file must have (kept and not forgotten, both confirmed) and what it may have.
type model struct {
	kept  map[string][]int        // by peer, in order; confirmed
	maybe map[string]map[int]bool // the last operation on it was not confirmed
}

// checkModel compares f with m after a crash, and updates m to what the file turned out to have.
func (m *model) check(t *testing.T, f *File) {
	t.Helper()
	for _, peer := range []string{"", "a", "b"} {
		all, err := f.Pending(peer)
		must(t, err)
		var got []int
		for _, k := range all {
			n := int(k.ID[0]) | int(k.ID[1])<<8
			got = append(got, n)
			if w := message(n); string(k.Body) != string(w.Body) || k.Topic != w.Topic {
				t.Fatalf("message %d of %q is %v", n, peer, k)
			}
			if !slices.Contains(m.kept[peer], n) && !m.maybe[peer][n] {
				t.Fatalf("message %d of %q has come back; got %v, want %v", n, peer, got, m.kept[peer])
			}
		}
		at := -1
		for _, n := range m.kept[peer] {
			i := slices.Index(got, n)
			if i < 0 && !m.maybe[peer][n] {
				t.Fatalf("message %d of %q is lost: got %v, want %v", n, peer, got, m.kept[peer])
			}
			if i >= 0 && i < at {
				t.Fatalf("messages of %q are in another order: got %v, want %v", peer, got, m.kept[peer])
			}
			at = max(at, i)
		}
		m.kept[peer], m.maybe[peer] = got, map[int]bool{}
	}
}

// TestModel: random operations with crashes of the process or the power at any step, against a map. The crashes
// also hit rewrites. Everything confirmed is there, nothing forgotten comes back, and the order is kept.
func TestModel(t *testing.T) {
	crashes, rewrites := 0, 0
	for seed := range uint64(*modelSeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 4))
			d := newFakeDisk()
			d.rnd = rnd
			m := model{map[string][]int{}, map[string]map[int]bool{"": {}, "a": {}, "b": {}}}
			o := Options{compactMin: 400}
			next := 1
			var f *File
			for round := range 12 {
				for f == nil { // perhaps a crash during Open
					if rnd.IntN(3) == 0 {
						d.set(func(d *fakeDisk) { d.crashAt = d.steps + 1 + rnd.IntN(12) })
					}
					opened, err := open(d, testPath, silent(o))
					if err == nil {
						f = opened
						break
					}
					want(t, err, errCrash)
					crashes++
					d.restart(rnd.IntN(2) == 0, rnd)
				}
				d.set(func(d *fakeDisk) { d.crashAt = 0 })
				if d.crashed {
					f = nil
					d.restart(rnd.IntN(2) == 0, rnd)
					continue
				}
				m.check(t, f)
				d.set(func(d *fakeDisk) { d.crashAt = d.steps + 1 + rnd.IntN(60) })
				before := f.salt
				for op := range 200 {
					peer := []string{"", "a", "b"}[rnd.IntN(3)]
					var err error
					if rnd.IntN(2) == 0 || len(m.kept[peer]) == 0 {
						n := next
						next++
						if err = f.Keep(peer, message(n)); err == nil {
							m.kept[peer] = append(m.kept[peer], n)
						} else {
							m.maybe[peer][n] = true
						}
					} else {
						var ids []gantline.MessageID
						var numbers []int
						for range 1 + rnd.IntN(len(m.kept[peer])) {
							n := m.kept[peer][rnd.IntN(len(m.kept[peer]))]
							numbers, ids = append(numbers, n), append(ids, message(n).ID)
						}
						if err = f.Forget(peer, ids...); err == nil {
							m.kept[peer] = slices.DeleteFunc(m.kept[peer], func(n int) bool { return slices.Contains(numbers, n) })
						} else {
							for _, n := range numbers {
								m.maybe[peer][n] = true
							}
						}
					}
					if err != nil {
						if !d.crashed {
							t.Fatalf("round %d, operation %d: %v", round, op, err)
						}
						crashes++
						break
					}
				}
				if f.salt != before {
					rewrites++
				}
				_ = f.Close()
				f = nil
				d.restart(rnd.IntN(2) == 0, rnd)
			}
		})
	}
	if *modelSeeds >= 100 && (crashes < *modelSeeds || rewrites < *modelSeeds) {
		t.Errorf("%d crashes and %d rewrites with %d seeds prove little", crashes, rewrites, *modelSeeds)
	}
}
