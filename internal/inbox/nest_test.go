package inbox

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// nester is a Consumer whose functions the test lets go on: each reports its name, then does what the test sends.
type nester struct {
	*testTaker
	mu      sync.Mutex // guards what follows
	running []string
	steps   map[string]chan string // by message; "nest", "return" or "exit"
}

func newNester(r *testRoom) *nester {
	n := &nester{steps: map[string]chan string{}}
	n.testTaker = r.subscribe('a', n.take)
	return n
}

func (n *nester) take(m *message) {
	ch := make(chan string)
	n.mu.Lock()
	n.running = append(n.running, m.name)
	n.steps[m.name] = ch
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.running = strings.Fields(strings.ReplaceAll(" "+strings.Join(n.running, " ")+" ", " "+m.name+" ", " "))
	}()
	for step := range ch {
		switch step {
		case "nest":
			m.item.Nest()
		case "exit":
			runtime.Goexit()
		case "return":
			return
		}
	}
}

// do lets functions do something each: "a1:nest a2:return".
func (n *nester) do(steps string) {
	for step := range strings.FieldsSeq(steps) {
		name, what, _ := strings.Cut(step, ":")
		n.mu.Lock()
		ch := n.steps[name]
		n.mu.Unlock()
		ch <- what
		synctest.Wait()
	}
}

func (n *nester) now() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.running, " ")
}

// TestNest: messages are taken one after the other, whatever their depths. Once the Consumer nests, deeper ones do not wait
// for it, and it is not called for others before these have returned.
func TestNest(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps string // "+a1^" puts a message, "a1:nest" lets it do that, "=a1" says what runs
	}{
		{"one at a time, in order", "+a1 +a2^ +a3 =a1 a1:return =a2 a2:return =a3 a3:return ="},
		{"a deeper one does not wait", "+a1 +a2^ +a3 a1:nest =a1,a2 a2:return =a1 a1:return =a3 a3:return ="},
		{"nor one that comes later", "+a1 a1:nest +a2 =a1 +a3^ =a1,a3 a1:return =a3 a3:return =a2 a2:return ="},
		{"one of the same depth waits", "+a1^ +a2^ a1:nest =a1 +a3 =a1 +a4^^ =a1,a4 a4:return =a1 a1:return =a2 a2:return =a3 a3:return ="},
		{"a stack", "+a1 +a2^ +a3^^ +a4^^^ a1:nest a2:nest =a1,a2,a3 a3:nest =a1,a2,a3,a4 a1:return a2:return a3:return =a4 +a5 =a4 a4:return =a5 a5:return ="},
		{"a deep one that does not nest holds up all", "+a1 +a2^^^ a1:nest =a1,a2 +a3^^^^ =a1,a2 a1:return =a2 a2:return =a3 a3:return ="},
		{"deeper ones in order of all depths", "+a1 +a2^^ +a3^ +a4^^^ a1:nest =a1,a2 a2:return =a1,a3 a3:return =a1,a4 a4:return =a1 a1:return ="},
		{"the lowest goes on after those above", "+a1 a1:nest +a2^ +a3^ a1:return =a2 a2:return =a3 a3:nest +a4^^ +a5 =a3,a4 a4:return a3:return =a5 a5:return ="},
		{"nesting twice is once", "+a1 a1:nest a1:nest +a2^ a1:nest =a1,a2 +a3^^ =a1,a2 a2:return =a1,a3 a3:return a1:return ="},
		{"it ends its goroutine", "+a1 +a2^ +a3 +a4^^ a1:nest =a1,a2 a2:nest =a1,a2,a4 a2:exit =a1,a4 a1:exit =a4 a4:exit =a3 a3:exit ="},
		{"the rest of a batch is given back", "+a1 a1:return +a2 +a3 +a4 +a5 a2:return a3:nest +a6^ =a3,a6 a3:return =a6 a6:return =a4 a4:return =a5 a5:return ="},
		{"an arriving one holds back later ones", "+a1? +a2 = ready:a1 =a1 a1:return =a2 a2:return ="},
		{"but none that is deeper", "+a1? +a2^ +a3 =a2 a2:return = ready:a1 =a1 a1:return =a3 a3:return ="},
		{"a deeper one holds back those less deep", "+a1^? +a2 +a3^^ =a3 a3:return = ready:a1 =a1 a1:return =a2 a2:return ="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, large)
				n := newNester(r)
				all := map[string]*message{}
				for i, step := range strings.Fields(tt.steps) {
					switch {
					case step[0] == '+':
						for name, m := range r.fill(step[1:]) {
							all[name] = m
						}
					case step[0] == '=':
						equal(t, fmt.Sprintf("running at step %d", i), n.now(), strings.ReplaceAll(step[1:], ",", " "))
					case strings.HasPrefix(step, "ready:"):
						r.in.Ready(&all[step[6:]].item)
					default:
						n.do(step)
					}
					synctest.Wait()
				}
				if idle := n.Halt(); idle != nil {
					t.Error("something runs at the end")
				}
				for name, m := range all {
					m.item.Nest() // too late, and does nothing
					if m.item.by.Load() != nil {
						t.Errorf("%s has a worker", name)
					}
				}
			})
		})
	}
}

// TestNestHalt: who halts the Taker learns when the last of its functions has returned. What is queued goes elsewhere.
func TestNestHalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		n := newNester(r)
		r.fill("a1 a2^ a3^^ a4 a5^^^ a6^")
		synctest.Wait()
		n.do("a1:nest a2:nest")
		idle := n.Halt()
		equal(t, "received", r.receive(), "a4 a5 a6")
		n.do("a3:nest")
		r.fill("a7^^^")
		equal(t, "running", n.now(), "a1 a2 a3")
		for _, step := range []string{"a1:return", "a3:return"} {
			n.do(step)
			if isClosed(idle) {
				t.Errorf("idle after %s", step)
			}
		}
		r.end(errEnded)
		n.do("a2:return")
		if !isClosed(idle) || n.left != 1 {
			t.Errorf("not idle, or left %d times", n.left)
		}
		equal(t, "received", r.receive(), "a7")
	})
}

// TestReceiveDepths: Receive returns messages of all depths in order. One whose body is arriving holds back none that is
// deeper.
func TestReceiveDepths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		ms := r.fill("x1 x2^ x3? x4 x5^^ x6^? x7^^ x8^")
		equal(t, "received", r.receive(), "x1 x2 x5 x7")
		r.in.Ready(&ms["x3"].item)
		equal(t, "received", r.receive(), "x3 x4")
		r.fill("x9")
		equal(t, "received", r.receive(), "")
		if !r.in.Drop(&ms["x6"].item, false) {
			t.Error("x6 is not there")
		}
		equal(t, "received", r.receive(), "x8 x9")
		if q := &r.in.unclaimed; q.len != 0 || q.bytes != 0 || q.outer.incomplete != 0 || q.lane(1).incomplete != 0 {
			t.Errorf("left: %+v", q)
		}
	})
}

// TestGivesUpDepths: what nobody claims is given up in its time, whatever its depth.
func TestGivesUpDepths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		r.fill("x1^")
		<-time.After(Patience / 2)
		r.fill("x2")
		<-time.After(Patience / 4)
		r.fill("x3^^")
		<-time.After(2 * Patience)
		equal(t, "given up", r.takeGaveUp(), "x1 10s, x2 15s, x3 17.5s")
	})
}

// TestWantDepths: of each depth the first few bodies are wanted.
func TestWantDepths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		block := make(chan struct{})
		r.subscribe('a', func(*message) { <-block })
		r.fill("a0 " + strings.ReplaceAll(names("a", 7)[3:], " ", "? ") + "? a7^? a8^? a9^^?")
		synctest.Wait()
		equal(t, "wanted", sorted(r.takeWanted()), "a1 a2 a3 a4 a7 a8 a9")
		close(block)
	})
}

// TestNestRaces has many nest, return and end their goroutines at once: all messages of one depth are taken in order, one at a
// time, and functions run only within those that are less deep and have nested.
func TestNestRaces(t *testing.T) {
	const n, depths = 3000, 4
	r := newRoom(t, large)
	var mu sync.Mutex
	var running [depths]bool
	var nested [depths]bool
	var last [depths]int
	taken := 0
	done := make(chan struct{})
	rnd := rand.New(rand.NewPCG(1, 1))
	depthOf, act := make([]int, n+1), make([]int, n+1)
	for i := range depthOf {
		depthOf[i], act[i] = rnd.IntN(depths), rnd.IntN(8)
	}
	r.subscribe('a', func(m *message) {
		d := depthOf[m.no]
		mu.Lock()
		for i := range depths {
			if running[i] && (i >= d || !nested[i]) {
				t.Errorf("%s of depth %d is taken while one of depth %d runs, which has nested: %v", m.name, d, i, nested[i])
			}
		}
		if m.no <= last[d] {
			t.Errorf("%s is taken after %d", m.name, last[d])
		}
		running[d], nested[d], last[d] = true, false, m.no
		mu.Unlock()
		if act[m.no] < 4 {
			mu.Lock()
			nested[d] = true
			mu.Unlock()
			m.item.Nest()
			runtime.Gosched()
		}
		mu.Lock()
		running[d] = false
		if taken++; taken == n {
			close(done)
		}
		mu.Unlock()
		if act[m.no] == 7 {
			runtime.Goexit()
		}
	})
	for i := 1; i <= n; i++ {
		name := fmt.Sprint("a", i) + strings.Repeat("^", depthOf[i])
		if i%5 != 0 {
			r.fill(name)
			continue
		}
		for _, m := range r.fill(name + "?") {
			r.in.Ready(&m.item)
		}
	}
	<-done
}
