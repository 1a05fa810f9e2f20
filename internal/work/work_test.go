package work

import (
	"strings"
	"testing"
	"testing/synctest"
)

// step does something with a task and says which tasks run afterwards; "begin" changes nothing.
type step struct{ do, running string }

// play does steps: "begin t", "begin t order", "... gate", "... deep" (gate), "... 2" (parts, else 1), "... ^^" (depth 2), "nest t", "arrive t", "inline t" (arrive, and
// run here), "end t", "exit t", "refuse t", "claim t", "withdraw t".
func play(t *testing.T, limit int, steps []step) {
	synctest.Test(t, func(t *testing.T) {
		var b board
		order, gate, deep := new(Order), NewGate(limit), NewDeepGate(limit)
		tasks := map[string]*task{}
		defer func() { // after a failure
			for _, x := range tasks {
				close(x.end)
			}
		}()
		running := ""
		for i, s := range steps {
			f := strings.Fields(s.do)
			x := tasks[f[1]]
			switch f[0] {
			case "begin":
				x = newTask(&b, f[1], nil, nil)
				parts, depth := int32(1), uint8(0)
				for _, opt := range f[2:] {
					switch opt {
					case "order":
						x.order = order
					case "gate":
						x.gate = gate
					case "deep":
						x.gate = deep
					case "2":
						parts = 2
					default:
						depth = uint8(strings.Count(opt, "^"))
					}
				}
				tasks[f[1]] = x
				x.item.Begin(x, depth, parts)
				if x.item.Task() != Task(x) {
					t.Error("the item does not know its task")
				}
			case "nest":
				x.item.Nest()
			case "arrive":
				x.item.Arrive().Go()
			case "inline": // as on a goroutine that must not be kept
				if it := x.item.Arrive(); it != nil {
					x.end <- "end"
					it.Run().Go()
				}
			case "end", "exit":
				x.end <- f[0]
			case "refuse":
				if !x.refuse() {
					t.Errorf("step %d, %s: it was claimed", i, s.do)
				}
			case "claim":
				if !x.item.Claim() || !x.item.Claimed() {
					t.Errorf("step %d, %s: it was claimed", i, s.do)
				}
			case "withdraw":
				x.item.Withdraw()
			}
			if f[0] != "begin" {
				running = s.running
			}
			synctest.Wait()
			if got := b.String(); got != running {
				t.Fatalf("step %d, %s: %q run, want %q", i, s.do, got, running)
			}
		}
		idle(t, []*Order{order}, []*Gate{gate, deep})
		for name, n := range b.ends {
			if n != 1 {
				t.Errorf("%s was served %d times", name, n)
			}
		}
	})
}

func TestWork(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit int
		steps []step
	}{
		{"free ones run at once", 1, []step{
			{do: "begin a"}, {do: "begin b"}, {"arrive b", "b"}, {"arrive a", "a b"}, {"end b", "a"}, {"end a", ""}}},
		{"both parts have to come", 1, []step{
			{do: "begin a 2"}, {"arrive a", ""}, {"arrive a", "a"}, {"end a", ""}}},
		{"a gate for two", 2, []step{
			{do: "begin a gate"}, {do: "begin b gate"}, {do: "begin c gate"}, {do: "begin d gate"},
			{"arrive c", "c"}, {"arrive b", "b c"}, {"arrive d", "b c"}, {"arrive a", "b c"}, // d, then a
			{"end b", "c d"}, {"end c", "a d"}, {"end d", "a"}, {"end a", ""}}},
		{"a gate whose tasks end their goroutines", 1, []step{
			{do: "begin a gate"}, {do: "begin b gate"}, {do: "begin c gate"}, {"arrive a", "a"}, {"arrive b", "a"}, {"arrive c", "a"},
			{"exit a", "b"}, {"exit b", "c"}, {"exit c", ""}, {do: "begin d gate"}, {"arrive d", "d"}, {"end d", ""}}},
		{"refused at the gate", 1, []step{
			{do: "begin a gate"}, {do: "begin b gate"}, {do: "begin c gate"}, {"arrive a", "a"}, {"arrive b", "a"}, {"arrive c", "a"},
			{"refuse b", "a"}, {"end a", "c"}, {"end c", ""}}},
		{"refused before it was complete", 1, []step{
			{do: "begin a gate 2"}, {"arrive a", ""}, {"refuse a", ""}, {do: "begin b gate"}, {"arrive b", "b"}, {"end b", ""}}},
		{"claimed, and complete before it is withdrawn", 1, []step{
			{do: "begin a gate"}, {"claim a", ""}, {"arrive a", ""}, {"withdraw a", ""}, {do: "begin b gate"}, {"arrive b", "b"}, {"end b", ""}}},
		{"claimed at the gate, handed its place, then withdrawn", 1, []step{
			{do: "begin a gate"}, {do: "begin b gate"}, {do: "begin c gate"}, {"arrive a", "a"}, {"arrive b", "a"}, {"arrive c", "a"},
			{"claim b", "a"}, {"end a", "c"}, {"withdraw b", "c"}, {"end c", ""}}},
		{"one of each depth beside the gate", 1, []step{
			{do: "begin a deep"}, {do: "begin b deep ^"}, {do: "begin c deep ^^"}, {do: "begin d deep ^"}, {do: "begin e deep"}, {do: "begin f deep ^^"},
			{"arrive a", "a"}, {"arrive e", "a"}, {"arrive d", "a d"}, {"arrive b", "a d"}, {"arrive c", "a c d"}, {"arrive f", "a c d"},
			{"end d", "a b c"}, {"end a", "b c f"}, {"end f", "b c e"}, {"end c", "b e"}, {"exit b", "e"}, {"end e", ""}}},
		{"what of a depth counts after the free one has ended", 2, []step{
			{do: "begin a deep ^"}, {do: "begin b deep ^"}, {do: "begin c deep"}, {do: "begin d deep"}, {do: "begin e deep ^"},
			{"arrive a", "a"}, {"arrive b", "a b"}, {"end a", "b"}, {"arrive c", "b c"}, {"arrive d", "b c d"}, {"arrive e", "b c d"},
			{"end b", "c d e"}, {"end e", "c d"}, {"end c", "d"}, {"end d", ""}}},
		{"refused at a gate of depths", 1, []step{
			{do: "begin a deep"}, {do: "begin b deep"}, {do: "begin c deep ^"}, {do: "begin d deep ^"}, {do: "begin e deep"}, {"arrive a", "a"}, {"arrive b", "a"},
			{"arrive c", "a c"}, {"arrive d", "a c"}, {"arrive e", "a c"}, {"refuse b", "a c"}, {"refuse d", "a c"}, {"end c", "a"}, {"end a", "e"}, {"end e", ""}}},
		{"one after the other", 1, []step{
			{do: "begin a order"}, {do: "begin b order"}, {do: "begin c order"}, {"arrive c", ""}, {"arrive a", "a"}, {"end a", ""},
			{"arrive b", "b"}, {"end b", "c"}, {"end c", ""}}},
		{"the order goes on after one that ended its goroutine", 1, []step{
			{do: "begin a order"}, {do: "begin b order"}, {"arrive b", ""}, {"arrive a", "a"}, {"exit a", "b"}, {"exit b", ""}}},
		{"refused first of the order", 1, []step{
			{do: "begin a order"}, {do: "begin b order"}, {do: "begin c order"}, {"arrive b", ""}, {"refuse a", "b"}, {"arrive c", "b"}, {"end b", "c"}, {"end c", ""}}},
		{"refused in the middle of the order", 1, []step{
			{do: "begin a order"}, {do: "begin b order"}, {do: "begin c order"}, {"arrive a", "a"}, {"arrive b", "a"}, {"arrive c", "a"},
			{"refuse b", "a"}, {"end a", "c"}, {"end c", ""}}},
		{"refused while another of the order runs, and incomplete", 1, []step{
			{do: "begin a order"}, {do: "begin b order 2"}, {do: "begin c order"}, {"arrive a", "a"}, {"arrive c", "a"},
			{"end a", ""}, {"arrive b", ""}, {"refuse b", "c"}, {"end c", ""}}},
		{"claimed first of the order, run before it is withdrawn", 1, []step{
			{do: "begin a order"}, {do: "begin b order"}, {"arrive b", ""}, {"claim a", ""}, {"arrive a", "b"}, {"withdraw a", "b"}, {"end b", ""}}},
		{"of an order, at a gate that another holds", 1, []step{
			{do: "begin x gate"}, {"arrive x", "x"}, {do: "begin a order gate"}, {do: "begin b order"}, {"arrive a", "x"}, {"arrive b", "x"},
			{"end x", "a"}, {"end a", "b"}, {"end b", ""}}},
		{"of an order, refused at its gate", 1, []step{
			{do: "begin x gate"}, {"arrive x", "x"}, {do: "begin a order gate"}, {do: "begin b order"}, {"arrive a", "x"}, {"arrive b", "x"},
			{"refuse a", "b x"}, {"end x", "b"}, {"end b", ""}}},
		{"of an order, claimed on the way to its gate", 1, []step{
			{do: "begin x gate"}, {"arrive x", "x"}, {do: "begin a order gate"}, {do: "begin b order gate"}, {do: "begin c order"},
			{"arrive b", "x"}, {"arrive c", "x"}, {"claim a", "x"}, {"claim b", "x"}, {"arrive a", "c x"},
			{"withdraw a", "c x"}, {"withdraw b", "c x"}, {"end x", "c"}, {"end c", ""}}},
		{"a place at the gate and a turn in the order at once", 1, []step{
			{do: "begin a order gate"}, {"arrive a", "a"}, {do: "begin x gate"}, {"arrive x", "a"}, {do: "begin b order"}, {"arrive b", "a"},
			{"end a", "b x"}, {"end b", "x"}, {"end x", ""}}},
		{"the same, and its goroutine is over", 1, []step{
			{do: "begin a order gate"}, {"arrive a", "a"}, {do: "begin x gate"}, {"arrive x", "a"},
			{"exit a", "x"}, {do: "begin b order"}, {"arrive b", "b x"}, {"end x", "b"}, {"end b", ""}}},
		{"inline, and what comes next is not", 1, []step{
			{do: "begin a order"}, {do: "begin b order"}, {"arrive b", ""}, {"inline a", "b"}, {"end b", ""}}},
		{"deeper ones wait in their order", 1, []step{
			{do: "begin a order"}, {do: "begin b order ^"}, {do: "begin c order ^^"}, {"arrive c", "c"}, {"arrive b", "c"}, {"arrive a", "c"},
			{"end c", "a"}, {"end a", "b"}, {"end b", ""}}},
		{"deeper ones do not wait for one that nests", 1, []step{
			{do: "begin a order"}, {do: "begin b order"}, {do: "begin c order ^"}, {do: "begin d order ^"}, {do: "begin e order ^^"},
			{"arrive a", "a"}, {"arrive b", "a"}, {"arrive c", "a"}, {"arrive e", "a"}, {"nest b", "a"}, {"nest a", "a c"}, {"nest a", "a c"},
			{"arrive d", "a c"}, {"nest c", "a c e"}, {"end a", "c e"}, {"end c", "e"}, {"end e", "b"}, {"end b", "d"}, {"end d", ""}}},
		{"deeper ones that come later", 1, []step{
			{do: "begin a order"}, {"arrive a", "a"}, {"nest a", "a"}, {do: "begin b order"}, {"arrive b", "a"}, {do: "begin c order ^ 2"}, {"arrive c", "a"},
			{do: "begin d order ^"}, {"arrive d", "a"}, {"arrive c", "a c"}, {"end c", "a d"}, {"exit a", "d"}, {"exit d", "b"}, {"end b", ""}}},
		{"one that cannot run yet holds up no deeper one", 1, []step{
			{do: "begin a order ^"}, {do: "begin b order"}, {do: "begin c order ^"}, {do: "begin d order ^^"}, {"arrive b", ""}, {"arrive c", ""},
			{"arrive d", "d"}, {"end d", ""}, {"arrive a", "a"}, {"end a", "b"}, {"end b", "c"}, {"end c", ""}}},
		{"nested at a gate, and refused there", 1, []step{
			{do: "begin a order gate"}, {"arrive a", "a"}, {do: "begin b order gate ^"}, {"arrive b", "a"}, {do: "begin c order ^"}, {"arrive c", "a"},
			{"nest a", "a"}, {"refuse b", "a c"}, {"end c", "a"}, {"end a", ""}}},
		{"nesting without an order", 1, []step{
			{do: "begin a"}, {"arrive a", "a"}, {"nest a", "a"}, {"end a", ""}}},
		{"claimed inline", 1, []step{
			{do: "begin a gate"}, {"claim a", ""}, {"inline a", ""}, {do: "begin b gate"}, {"arrive b", "b"}, {"end b", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.limit, tt.steps) })
	}
}

// TestClaimedJustBeforeItWasQueued: whoever claims a task finds it on no list, for it is between two.
func TestClaimedJustBeforeItWasQueued(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		for _, full := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var b board
				var order *Order
				gate := NewGate(1)
				if ordered {
					order = new(Order)
				}
				x := newTask(&b, "x", nil, gate)
				x.item.Begin(x, 0, 1)
				if full {
					x.item.Arrive().Go()
				}
				a, c := newTask(&b, "a", order, gate), newTask(&b, "c", order, nil)
				a.item.Begin(a, 0, 1)
				c.item.Begin(c, 0, 1)
				asked := 0
				a.asked = func() { // after it left the order, before it is at the gate
					if asked++; asked == 1 && !a.refuse() {
						t.Error("somebody has claimed it")
					}
				}
				a.item.Arrive().Go()
				c.item.Arrive().Go()
				synctest.Wait()
				want := "c"
				if full {
					want = "c x"
				}
				if got := b.String(); got != want {
					t.Errorf("ordered %v, full %v: %q run, want %q", ordered, full, got, want)
				}
				x.end <- "end"
				c.end <- "end"
				synctest.Wait()
				if !full {
					x.item.Arrive().Go() // the place at the gate is free
					synctest.Wait()
				}
				idle(t, []*Order{c.orders()}, []*Gate{gate})
				if b.ends["a"] != 0 || b.ends["c"] != 1 || b.ends["x"] != 1 {
					t.Errorf("ordered %v, full %v: served %v", ordered, full, b.ends)
				}
			})
		}
	}
}

// orders is the task's Order, or an empty one.
func (t *task) orders() *Order {
	if t.order == nil {
		return new(Order)
	}
	return t.order
}

// TestLongRowOfClaimed: the turn passes over any number of refused tasks without a goroutine for each.
func TestLongRowOfClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b board
		order, gate := new(Order), NewGate(1)
		x := newTask(&b, "x", nil, gate)
		x.item.Begin(x, 0, 1)
		x.item.Arrive().Go()
		first := newTask(&b, "first", order, nil)
		first.item.Begin(first, 0, 1)
		first.item.Arrive().Go()
		for range 10000 {
			a := newTask(&b, "a", order, gate)
			a.item.Begin(a, 0, 1)
			a.item.Arrive().Go()
			a.item.Claim() // and has not been withdrawn yet
		}
		last := newTask(&b, "last", order, nil)
		last.item.Begin(last, 0, 1)
		last.item.Arrive().Go()
		first.end <- "end"
		synctest.Wait()
		if got := b.String(); got != "last x" {
			t.Errorf("%q run", got)
		}
		last.end <- "end"
		x.end <- "end"
		synctest.Wait()
		idle(t, []*Order{order}, []*Gate{gate})
	})
}

// TestAllocs: what waits costs nothing but itself.
func TestAllocs(t *testing.T) {
	const runs = 200
	done := make(chan struct{}, 1)
	for name, of := range map[string]*quick{
		"free":             {},
		"at a gate":        {gate: NewGate(1)},
		"ordered":          {order: new(Order)},
		"ordered, at gate": {order: new(Order), gate: NewGate(1)},
	} {
		all := make([]quick, runs+1)
		n := testing.AllocsPerRun(runs, func() {
			x := &all[0]
			all = all[1:]
			x.order, x.gate, x.done = of.order, of.gate, done
			x.item.Begin(x, 0, 2)
			x.item.Arrive()
			x.item.Arrive().Go()
			<-done
		})
		if n >= 1 { // the pool of goroutines may be emptied now and then
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// quick is a Task that does nothing.
type quick struct {
	task
	order *Order
	gate  *Gate
	done  chan struct{}
}

func (q *quick) Order() *Order { return q.order }
func (q *quick) Gate() *Gate   { return q.gate }
func (q *quick) Serve()        { q.done <- struct{}{} }
