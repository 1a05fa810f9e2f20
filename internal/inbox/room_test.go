package inbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// message is named by its topic and number: "a7" is for the taker "a", if there is one.
type message struct {
	item Item[*message]
	name string
	no   int
}

// testRoom is a Room whose takers are the first letters of the messages' names.
type testRoom struct {
	t  *testing.T
	in Inbox[*message]

	takers map[byte]*testTaker // guarded by in's lock
	shared bool                // there are other takers; guarded by in's lock
	over   bool                // guarded by in's lock

	mu     sync.Mutex // guards what follows
	wanted []string
	gaveUp []string // with the time, and EndLocked's error if there is one
	begun  time.Time
}

func newRoom(t *testing.T, limits Limits) *testRoom {
	r := &testRoom{t: t, takers: map[byte]*testTaker{}, begun: time.Now()}
	r.in.Init(r, limits)
	return r
}

func (r *testRoom) TakerLocked(m *message) *Taker[*message] {
	if tk := r.takers[m.name[0]]; tk != nil {
		return &tk.Taker
	}
	return nil
}

func (r *testRoom) SharedLocked() bool { return r.shared || len(r.takers) > 0 }

func (r *testRoom) Before(a, b *message) bool { return a.no < b.no }

func (r *testRoom) Want(m *message) {
	r.in.Lock() // deadlocks if the caller holds it
	defer r.in.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = append(r.wanted, m.name)
}

func (r *testRoom) GiveUp(m *message, ended error) {
	r.in.Lock() // deadlocks if the caller holds it
	defer r.in.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%s %v", m.name, time.Since(r.begun))
	if ended != nil {
		text += " " + ended.Error()
	}
	r.gaveUp = append(r.gaveUp, text)
}

func (r *testRoom) Unreachable() bool { return r.over }

// put puts a message in; a name that ends in "?" is one whose body is still arriving. Before that it has a "^" for each level of
// its depth.
func (r *testRoom) put(name string) (*message, *Overflow) {
	r.t.Helper()
	complete := !strings.HasSuffix(name, "?")
	name = strings.TrimSuffix(name, "?")
	m := &message{name: strings.TrimRight(name, "^")}
	depth := len(name) - len(m.name)
	if _, err := fmt.Sscan(m.name[1:], &m.no); err != nil {
		r.t.Fatal(err)
	}
	m.item.Init(m, uint8(depth), 10, complete)
	r.in.Lock()
	defer r.in.Unlock()
	return m, r.in.PutLocked(&m.item, r.TakerLocked(m))
}

// fill puts messages in that must find room.
func (r *testRoom) fill(names string) map[string]*message {
	r.t.Helper()
	ms := map[string]*message{}
	for name := range strings.FieldsSeq(names) {
		m, full := r.put(name)
		if full != nil {
			r.t.Fatalf("%s: %+v", name, full)
		}
		ms[m.name] = m
	}
	return ms
}

// end ends the Inbox.
func (r *testRoom) end(err error) bool {
	r.in.Lock()
	defer r.in.Unlock()
	return r.in.EndLocked(err)
}

// receive receives all that can be had at once, and returns the names.
func (r *testRoom) receive() string {
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel()
	var names []string
	for {
		m, err := r.in.Receive(ctx)
		if err != nil {
			return strings.Join(names, " ")
		}
		names = append(names, m.name)
	}
}

// takeWanted returns what was asked for since the last time.
func (r *testRoom) takeWanted() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := strings.Join(r.wanted, " ")
	r.wanted = nil
	return w
}

// takeGaveUp returns what was given up since the last time.
func (r *testRoom) takeGaveUp() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := strings.Join(r.gaveUp, ", ")
	r.gaveUp = nil
	return g
}

// testTaker is a Consumer.
type testTaker struct {
	Taker[*message]
	r    *testRoom
	name byte
	fn   func(m *message) // may be nil

	mu   sync.Mutex // guards got
	got  []string
	left int // guarded by the Inbox's lock
}

// subscribe adds a taker.
func (r *testRoom) subscribe(name byte, fn func(m *message)) *testTaker {
	tk := &testTaker{r: r, name: name, fn: fn}
	tk.Init(&r.in, tk)
	r.in.Lock()
	defer r.in.Unlock()
	r.takers[name] = tk
	r.in.ReassignLocked()
	return tk
}

func (tk *testTaker) Take(m *message) {
	tk.mu.Lock()
	tk.got = append(tk.got, m.name)
	tk.mu.Unlock()
	if tk.fn != nil {
		tk.fn(m)
	}
}

func (tk *testTaker) HaltedLocked() { delete(tk.r.takers, tk.name) }

func (tk *testTaker) LeftLocked() { tk.left++ }

// took returns what was taken since the last time.
func (tk *testTaker) took() string {
	tk.mu.Lock()
	defer tk.mu.Unlock()
	g := strings.Join(tk.got, " ")
	tk.got = nil
	return g
}

// isClosed reports whether a channel of Halt's says that the taker is idle.
func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return ch == nil
	}
}

// names returns n names with a prefix and increasing numbers.
func names(prefix string, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return strings.Join(all, " ")
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func sorted(names string) string {
	all := strings.Fields(names)
	slices.Sort(all)
	return strings.Join(all, " ")
}
