package methods

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/internal/serial"
	"github.com/gantline-project/gantline/internal/work"
)

// handlers are Handlers whose handlers are names.
type handlers = Handlers[string]

// register adds handlers: "m" for the method m, or "fallback".
func register(t *handlers, list, handler string) {
	for name := range strings.FieldsSeq(list) {
		if name == "fallback" {
			t.SetFallback(&Route[string]{Handler: handler + " fallback"})
		} else {
			t.Set(&Route[string]{Name: name, Handler: handler})
		}
	}
}

// found is what is found for a method: the handler, or "".
func found(t, shared *handlers, method string) string {
	if r := t.Find([]byte(method), shared); r != nil {
		return r.Handler
	}
	return ""
}

// TestFind: the order in which own and shared handlers and fallbacks are looked for.
func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name, own, shared string
		m, other          string // what is found for "m" and for another method
	}{
		{name: "nothing"},
		{name: "all", own: "m fallback", shared: "m fallback", m: "own", other: "own fallback"},
		{name: "shared before fallbacks", own: "fallback", shared: "m fallback", m: "shared", other: "own fallback"},
		{name: "own fallback first", own: "fallback", shared: "fallback", m: "own fallback", other: "own fallback"},
		{name: "shared fallback last", own: "m", shared: "fallback", m: "own", other: "shared fallback"},
		{name: "no fallback", own: "m", shared: "n", m: "own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var own, shared handlers
			register(&own, tt.own, "own")
			register(&shared, tt.shared, "shared")
			if m, other := found(&own, &shared, "m"), found(&own, &shared, "other"); m != tt.m || other != tt.other {
				t.Errorf("found %q, and %q for another, want %q and %q", m, other, tt.m, tt.other)
			}
			alone := ""
			switch {
			case strings.Contains(tt.own, "m"):
				alone = "own"
			case tt.own != "":
				alone = "own fallback"
			}
			if m := found(&own, nil, "m"); m != alone {
				t.Errorf("with nothing shared: found %q, want %q", m, alone)
			}
		})
	}
}

// TestHandlers: what is registered is found as it was given, until another one takes its place or it is removed.
func TestHandlers(t *testing.T) {
	var h handlers
	gate := work.NewGate(1)
	first := &Route[string]{Name: "m", Handler: "first", Inline: true, Gate: gate}
	h.Set(first)
	if r := h.Find([]byte("m"), nil); r != first || r.Name != "m" || !r.Inline || r.Gate != gate || r.Streams || r.Fallback {
		t.Errorf("found %+v", r)
	}
	h.Set(&Route[string]{Name: "m", Handler: "second", Streams: true})
	if r := h.Find([]byte("m"), nil); r.Handler != "second" || !r.Streams || r.Inline || r.Gate != nil {
		t.Errorf("found %+v", r)
	}
	h.SetFallback(&Route[string]{Handler: "rest"})
	h.Remove("m")
	h.Remove("never")
	if r := h.Find([]byte("m"), nil); r.Handler != "rest" || !r.Fallback || r.Name != "" {
		t.Errorf("after it was removed: found %+v", r)
	}
	h.SetFallback(nil)
	if r := h.Find([]byte("m"), nil); r != nil {
		t.Errorf("without a fallback: found %+v", r)
	}
}

// TestUse: the first middleware is the outermost, for what was registered before and for what comes later. What was found
// stays as it is.
func TestUse(t *testing.T) {
	wrap := func(name string) func(string) string {
		return func(next string) string { return name + "(" + next + ")" }
	}
	var h handlers
	register(&h, "early", "h")
	h.Use(wrap("a"))
	register(&h, "between fallback", "h")
	was := h.Find([]byte("early"), nil)
	h.Use(wrap("b"))
	h.Use(wrap("c"))
	register(&h, "late", "h")
	for method, want := range map[string]string{"early": "a(b(c(h)))", "between": "a(b(c(h)))", "late": "a(b(c(h)))", "other": "a(b(c(h fallback)))"} {
		if got := found(&h, nil, method); got != want {
			t.Errorf("%s: found %q, want %q", method, got, want)
		}
	}
	if was.Handler != "a(h)" {
		t.Errorf("what was found earlier is %q now", was.Handler)
	}
	if r := h.Find([]byte("other"), nil); !r.Fallback {
		t.Error("middleware makes a fallback something else")
	}
	var none handlers
	none.Use(wrap("a"))
	if r := none.Find([]byte("m"), nil); r != nil {
		t.Errorf("middleware alone: found %+v", r)
	}
}

// TestWatch: a watcher is kicked when a name comes or goes, and by nothing else.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h handlers
		looks := 0
		w := serial.NewWorker(t.Context(), func() { looks++ })
		for _, tt := range []struct {
			name  string
			do    func()
			looks int
		}{
			{"nobody watches", func() { register(&h, "m", "h") }, 0},
			{"it begins to", func() { h.Watch(w, true); h.Watch(w, true) }, 0},
			{"another in its place", func() { register(&h, "m", "other") }, 0},
			{"a new name", func() { register(&h, "n", "h") }, 1},
			{"a fallback", func() { register(&h, "fallback", "h") }, 0},
			{"middleware", func() { h.Use(func(h string) string { return h }) }, 0},
			{"a name goes", func() { h.Remove("m") }, 1},
			{"nothing goes", func() { h.Remove("m") }, 0},
			{"it comes back", func() { register(&h, "m", "h") }, 1},
			{"it watches no more", func() { h.Watch(w, false); h.Watch(w, false); register(&h, "o", "h") }, 0},
		} {
			looks = 0
			tt.do()
			synctest.Wait()
			if looks != tt.looks {
				t.Errorf("%s: looked %d times, want %d", tt.name, looks, tt.looks)
			}
		}
		if names := slices.Sorted(h.Names()); h.Watchers() != 0 || !slices.Equal(names, []string{"m", "n", "o"}) {
			t.Errorf("the names are %q, and %d watch", names, h.Watchers())
		}
	})
}

// TestFindAllocs: what every call does allocates nothing.
func TestFindAllocs(t *testing.T) {
	var own, shared handlers
	register(&own, "a", "own")
	register(&shared, "b fallback", "shared")
	for _, method := range []string{"a", "b", "c"} {
		name := []byte(method)
		if n := testing.AllocsPerRun(100, func() { own.Find(name, &shared) }); n != 0 {
			t.Errorf("%s: %v allocations", method, n)
		}
	}
}

// TestHandlersRace: readers see what was registered before they looked, while others register.
func TestHandlersRace(t *testing.T) {
	var h, shared handlers
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			own := []*handlers{&h, &shared}[g%2]
			for i := range 200 {
				name := fmt.Sprintf("%d.%d", g, i%10)
				register(own, name, name)
				if got := found(&h, &shared, name); got != name && got != "+"+name {
					t.Errorf("found %q for %s", got, name)
				}
				own.Remove(name)
				if got := found(&h, &shared, name); got != "" {
					t.Errorf("found %q for %s, which is gone", got, name)
				}
			}
		})
	}
	all.Go(func() { h.Use(func(next string) string { return "+" + next }) })
	all.Wait()
}

// BenchmarkFind looks for a method of the shared handlers, as a call to an End with a Router does.
func BenchmarkFind(b *testing.B) {
	var own, shared handlers
	for i := range 100 {
		register(&shared, fmt.Sprintf("some.method.%d", i), "h")
	}
	name := []byte("some.method.42")
	for b.Loop() {
		if own.Find(name, &shared) == nil {
			b.Fatal("not found")
		}
	}
}
