package methods

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/serial"
)

// names is a Table.
type names struct {
	mu       sync.Mutex // guards what follows
	set      map[string]struct{}
	watchers map[*serial.Worker]struct{}
}

func (n *names) Watch(w *serial.Worker, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !on {
		delete(n.watchers, w)
		return
	}
	if n.watchers == nil {
		n.watchers = make(map[*serial.Worker]struct{})
	}
	n.watchers[w] = struct{}{}
}

func (n *names) Names() iter.Seq[string] {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Keys(maps.Clone(n.set))
}

// change adds names, or removes those with a '-' before them.
func (n *names) change(list ...string) {
	n.mu.Lock()
	if n.set == nil {
		n.set = make(map[string]struct{})
	}
	for _, name := range list {
		if gone, ok := strings.CutPrefix(name, "-"); ok {
			delete(n.set, gone)
		} else {
			n.set[name] = struct{}{}
		}
	}
	watchers := slices.Collect(maps.Keys(n.watchers))
	n.mu.Unlock()
	for _, w := range watchers {
		w.Kick()
	}
}

// session collects what it gets.
type session struct {
	mirror Mirror
	log    []string // each name with '+' or '-' before it
	parts  []int    // bytes of each announcement
}

// side is a Side with two tables. What it sends is in order, and read after synctest.Wait.
type side struct {
	own, shared names
	slow        time.Duration // that sending takes
	Announcer[session]
}

func (s *side) Tables(yield func(Table) bool) {
	if yield(&s.own) {
		yield(&s.shared)
	}
}

func (s *side) Send(to *session, body []byte) {
	<-time.After(s.slow)
	to.parts = append(to.parts, len(body))
	for name, added := range frame.ParseMethods(body) {
		to.log = append(to.log, map[bool]string{true: "+", false: "-"}[added]+name)
	}
	to.mirror.Update(body, func(string, bool) {})
	clear(body) // it is the Announcer's again
}

// newSide returns one that announces until the test ends.
func newSide(t *testing.T) *side {
	ctx, cancel := context.WithCancel(context.Background())
	s := new(side)
	s.Init(ctx, s)
	t.Cleanup(func() {
		cancel()
		s.Wait()
	})
	return s
}

// TestAnnouncer: what two sessions get while names come and go in two tables.
func TestAnnouncer(t *testing.T) {
	for _, tt := range []struct {
		name          string
		steps         string // "o" and "s" change a table of names, "1" and "2" are asked by a session, "x" stops
		first, second string
	}{
		{name: "nothing to announce", steps: "1"},
		{name: "what there is, sorted, of both tables", steps: "o:b,c s:a 1", first: "+a +b +c"},
		{name: "nobody has asked", steps: "o:b s:a"},
		{name: "what comes and goes", steps: "o:a 1 s:b o:-a", first: "+a +b -a"},
		{name: "several at once: first what comes", steps: "o:a,b 1 o:-a,-b,c,d", first: "+a +b +c +d -a -b"},
		{name: "a name in both tables is one", steps: "o:a s:a 1 o:-a s:-a", first: "+a -a"},
		{name: "it goes from one table and stays in the other", steps: "o:a s:a 1 s:-a", first: "+a"},
		{name: "asked twice: nothing new", steps: "o:a 1 1", first: "+a"},
		{name: "the next session knows nothing", steps: "o:a 1 o:b 2 o:c", first: "+a +b", second: "+a +b +c"},
		{name: "nothing comes after the end", steps: "o:a 1 x o:b", first: "+a"},
		{name: "asked again after it, by another", steps: "o:a 1 x o:b 2 o:c", first: "+a", second: "+a +b +c"},
		{name: "asked again after it, by the same", steps: "o:a 1 x o:b 1 o:c", first: "+a +b +c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSide(t)
				var got [2]session
				for step := range strings.FieldsSeq(tt.steps) {
					what, list, _ := strings.Cut(step, ":")
					switch what {
					case "o":
						s.own.change(strings.Split(list, ",")...)
					case "s":
						s.shared.change(strings.Split(list, ",")...)
					case "1":
						s.Announce(&got[0])
					case "2":
						s.Announce(&got[1])
					case "x":
						s.Stop()
					}
					synctest.Wait()
				}
				for i, want := range []string{tt.first, tt.second} {
					if log := strings.Join(got[i].log, " "); log != want {
						t.Errorf("session %d got %q, want %q", i+1, log, want)
					}
				}
			})
		})
	}
}

// TestAnnouncerParts: many names come whole, in as few parts as they need, and so do they go.
func TestAnnouncerParts(t *testing.T) {
	for _, tt := range []struct{ n, length, parts int }{
		{1, 1, 1},
		{1, frame.MaxName, 1},
		{11, frame.MaxName, 1}, // 2,827 bytes
		{12, frame.MaxName, 2}, // 3,084
		{768, 2, 1},            // 3,072: to the last byte
		{769, 2, 2},
		{500, 200, 34}, // 15 each
	} {
		t.Run(fmt.Sprintf("%d of %d bytes", tt.n, tt.length), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSide(t)
				var all, gone []string
				for i := range tt.n {
					name := (string([]byte{byte(i / 250), byte(i % 250)}) + strings.Repeat("n", frame.MaxName))[:tt.length]
					all, gone = append(all, name), append(gone, "-"+name)
				}
				s.own.change(all...)
				var got session
				s.Announce(&got)
				synctest.Wait()
				if len(got.log) != tt.n || len(got.mirror.known) != tt.n || len(got.parts) != tt.parts {
					t.Errorf("%d names, %d of them different, in %d parts, want %d in %d", len(got.log), len(got.mirror.known), len(got.parts), tt.n, tt.parts)
				}
				s.own.change(gone...)
				synctest.Wait()
				if len(got.log) != 2*tt.n || len(got.mirror.known) != 0 || len(got.parts) != 2*tt.parts {
					t.Errorf("then %d names, %d are left, and %d parts, want %d, 0 and %d", len(got.log), len(got.mirror.known), len(got.parts), 2*tt.n, 2*tt.parts)
				}
				if n := slices.Max(got.parts); n > maxPart {
					t.Errorf("a part of %d bytes", n)
				}
			})
		})
	}
}

// TestAnnouncerGathers: changes while an announcement is being sent cost one more, whatever happened in between.
func TestAnnouncerGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		s.slow = time.Second
		s.own.change("a")
		var got session
		s.Announce(&got)
		synctest.Wait() // "a" is being sent
		for range 100 {
			s.own.change("b")
			s.own.change("c", "-b")
			s.own.change("-a")
			s.own.change("a")
		}
		s.Wait()
		if log := strings.Join(got.log, " "); log != "+a +c" || len(got.parts) != 2 {
			t.Errorf("got %q in %d parts, want two", log, len(got.parts))
		}
	})
}

// TestAnnouncerEnds: once its context is done nothing is sent, and after Stop no table knows the Announcer.
func TestAnnouncerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &side{slow: time.Second}
		s.Init(ctx, s)
		var got session
		s.own.change("a")
		s.Announce(&got)
		synctest.Wait()
		s.own.change("b") // for the next look
		cancel()
		start := time.Now()
		s.Wait() // for the one that sends
		if time.Since(start) != time.Second || strings.Join(got.log, " ") != "+a" {
			t.Errorf("got %q within %v", got.log, time.Since(start))
		}
		s.Announce(&got) // too late
		s.shared.change("c")
		s.Wait()
		if n := len(s.own.watchers) + len(s.shared.watchers); n != 2 || len(got.log) != 1 {
			t.Errorf("%d tables know the Announcer, and it sent %q", n, got.log)
		}
		s.Stop()
		s.Stop()
		if n := len(s.own.watchers) + len(s.shared.watchers); n != 0 {
			t.Errorf("%d tables still know the Announcer", n)
		}
	})
}

// TestAnnouncerRace: names come and go on many goroutines, and sessions too. The last one has it right in the end.
func TestAnnouncerRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		var all sync.WaitGroup
		for g := range 4 {
			all.Go(func() {
				table := []*names{&s.own, &s.shared}[g%2]
				for i := range 200 {
					table.change(fmt.Sprintf("%d.%d", g, i%7))
					table.change(fmt.Sprintf("-%d.%d", g, i%5))
				}
			})
		}
		sessions := make([]session, 20)
		all.Go(func() {
			for i := range sessions {
				s.Announce(&sessions[i])
			}
		})
		all.Wait()
		synctest.Wait()
		var want []string
		for _, table := range []*names{&s.own, &s.shared} {
			want = slices.AppendSeq(want, table.Names())
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(sessions[19].mirror.known)); !slices.Equal(got, want) {
			t.Errorf("mirror has %q, want %q", got, want)
		}
	})
}

// handlersSide is a Side with real Handlers.
type handlersSide struct {
	handlers
	Announcer[session]
}

func (s *handlersSide) Tables(yield func(Table) bool) { yield(&s.handlers) }

func (s *handlersSide) Send(to *session, body []byte) {
	to.mirror.Update(body, func(name string, added bool) { to.log = append(to.log, fmt.Sprint(name, added)) })
}

// TestAnnounceHandlers: what is registered and removed is announced, and what takes another's place is not.
func TestAnnounceHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(handlersSide)
		s.Init(t.Context(), s)
		var got session
		s.Announce(&got)
		for _, step := range []func(){
			func() { register(&s.handlers, "b fallback", "h") },
			func() { register(&s.handlers, "b", "other") },
			func() { register(&s.handlers, "a", "h") },
			func() { s.Remove("b") },
			func() { s.Stop(); register(&s.handlers, "c", "h") },
		} {
			step()
			synctest.Wait()
		}
		if log := strings.Join(got.log, " "); log != "btrue atrue bfalse" || s.Watchers() != 0 {
			t.Errorf("got %q, and %d watch", log, s.Watchers())
		}
	})
}
