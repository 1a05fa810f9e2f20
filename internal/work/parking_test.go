package work

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestParking: which tasks wait, how long, and what comes of it.
func TestParking(t *testing.T) {
	type event struct {
		at time.Duration
		do string // "park t", "handle t", "accept", "strict", "end", "claim t", "drop t"
	}
	sec := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	for _, tt := range []struct {
		name   string
		events []event
		want   string // t=verdict@seconds
	}{
		{"never accepted", []event{{0, "park a"}}, "a=unhandled@10s"},
		{"each has its own patience", []event{{0, "park a"}, {sec(4), "park b"}, {sec(9), "park c"}},
			"a=unhandled@10s b=unhandled@14s c=unhandled@19s"},
		{"a row that never ends", []event{{0, "park a"}, {sec(9), "park b"}, {sec(18), "park c"}},
			"a=unhandled@10s b=unhandled@19s c=unhandled@28s"},
		{"accepted, nothing registered", []event{{0, "park a"}, {sec(3), "accept"}}, "a=unhandled@10s"},
		{"accepted before", []event{{0, "accept"}, {sec(8), "park a"}}, "a=unhandled@10s"},
		{"accepted twice", []event{{0, "accept"}, {sec(8), "accept"}, {sec(9), "park a"}}, "a=unhandled@10s"},
		{"accepted too long ago", []event{{0, "accept"}, {sec(11), "park a"}}, "a=unhandled@11s"},
		{"accepted and handled late", []event{{0, "park a"}, {sec(3), "accept"}, {sec(5), "handle a"}}, "a=taken@5s"},
		{"handled before it is accepted", []event{{0, "park a"}, {sec(5), "handle a"}}, "a=taken@5s"},
		{"others registered before it is accepted", []event{{0, "park a"}, {sec(2), "handle b"}, {sec(5), "accept"}}, "a=unhandled@5s"},
		{"others registered", []event{{0, "park a"}, {sec(1), "accept"}, {sec(2), "handle b"}}, "a=unhandled@3s"},
		{"more and more registered", []event{{0, "park a"}, {sec(1), "accept"}, {sec(2), "handle b"}, {sec(2.9), "handle c"}}, "a=unhandled@3.9s"},
		{"one of two handled", []event{{0, "accept"}, {0, "park a"}, {0, "park b"}, {sec(2), "handle a"}}, "a=taken@2s b=unhandled@3s"},
		{"registered between the search and the wait", []event{{0, "handle a"}, {0, "park a"}}, "a=taken@0s"},
		{"the same, and nobody else would wait", []event{{0, "strict"}, {0, "handle a"}, {0, "park a"}, {0, "park b"}}, "a=taken@0s b=unhandled@0s"},
		{"set up while it waits", []event{{0, "park a"}, {sec(1), "strict"}}, "a=unhandled@1s"},
		{"accepted after it was set up", []event{{0, "strict"}, {0, "accept"}, {sec(1), "park a"}}, "a=unhandled@1s"},
		{"ended while it waits", []event{{0, "park a"}, {sec(1), "end"}}, "a=ended@1s"},
		{"ended, though somebody takes it", []event{{0, "park a"}, {sec(1), "end"}, {sec(1), "handle a"}}, "a=ended@1s"},
		{"ended before", []event{{0, "end"}, {sec(1), "park a"}}, "a=ended@1s"},
		{"dropped", []event{{0, "park a"}, {0, "park b"}, {sec(1), "claim a"}, {sec(1), "drop a"}}, "b=unhandled@10s"},
		{"the last one dropped", []event{{0, "park a"}, {sec(1), "claim a"}, {sec(1), "drop a"}, {sec(2), "park b"}}, "b=unhandled@12s"},
		{"claimed before it could wait", []event{{0, "claim a"}, {0, "park a"}}, "a=unhandled@0s"},
		{"dropped without having waited", []event{{0, "claim a"}, {0, "drop a"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := new(Parking)
				start := time.Now()
				tasks := map[string]*guest{}
				var room roomState
				get := func(name string) *guest {
					if tasks[name] == nil {
						g := &guest{p: p, start: start, room: &room}
						g.name, g.item.task = name, g
						tasks[name] = g
					}
					return tasks[name]
				}
				for _, e := range tt.events {
					<-time.After(e.at - time.Since(start))
					verb, name, _ := strings.Cut(e.do, " ")
					switch verb {
					case "park":
						if v := p.Park(&get(name).item); v != Waits {
							get(name).Resume(v)
						}
					case "handle":
						get(name).handled.Store(true)
						p.Changed()
					case "accept":
						p.Accepted()
					case "strict":
						room.strict = true
						p.Accepted()
					case "end":
						room.ended = true
						p.Recheck()
					case "claim":
						get(name).item.Claim()
					case "drop":
						p.Drop(&get(name).item)
					}
				}
				<-time.After(time.Minute)
				synctest.Wait()
				var got []string
				for _, name := range []string{"a", "b", "c"} {
					if g := tasks[name]; g != nil && g.ended != "" {
						got = append(got, g.ended)
					}
				}
				if s := strings.Join(got, " "); s != tt.want {
					t.Errorf("%s, want %s", s, tt.want)
				}
				if p.Len() > 0 {
					t.Errorf("%d still wait", p.Len())
				}
			})
		})
	}
}

// roomState is what the tasks' room knows of the stream.
type roomState struct{ strict, ended bool }

// guest is a Task that is parked.
type guest struct {
	task
	room    *roomState // nil = always open
	p       *Parking
	start   time.Time
	handled atomic.Bool
	ended   string
}

func (g *guest) Look() Verdict {
	switch {
	case g.room != nil && g.room.ended:
		return Ended
	case g.handled.Load():
		return Taken
	case g.room != nil && g.room.strict:
		return Unhandled
	}
	return Waits
}

func (g *guest) Resume(v Verdict) {
	if g.ended != "" {
		panic("resumed twice")
	}
	g.p.mu.Lock() // which must not be held
	defer g.p.mu.Unlock()
	g.ended = g.name + "=" + [...]string{"waits", "taken", "unhandled", "ended"}[v] + "@" + time.Since(g.start).String()
}

// TestParkingOrder: tasks for one handler are resumed in the order in which they came.
func TestParkingOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Parking
		var b board
		order := new(Order)
		now := Waits
		var all []*task
		for i := range 20 {
			x := newTask(&b, taskName(i), order, nil)
			x.look = func() Verdict { return now }
			x.item.Begin(x, 0, 2)
			x.item.Arrive()
			if v := p.Park(&x.item); v != Waits {
				t.Fatalf("task %d: %v", i, v)
			}
			all = append(all, x)
		}
		now = Taken
		p.Changed()
		for _, x := range all {
			if v := <-x.resumed; v != Taken {
				t.Fatalf("%s: %v", x.name, v)
			}
		}
		for i := range all {
			all[len(all)-1-i].item.Arrive().Go() // in any order
		}
		for _, x := range all {
			synctest.Wait()
			if got := b.String(); got != x.name {
				t.Fatalf("%q run, want %q", got, x.name)
			}
			x.end <- "end"
		}
		synctest.Wait()
		idle(t, []*Order{order}, nil)
	})
}

// TestParkingRaces: a task is resumed or dropped, whatever comes at once, and never forgotten.
func TestParkingRaces(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			p := new(Parking)
			g := &guest{p: p, start: time.Now()}
			g.name, g.item.task = "a", g
			dropped := false
			go func() {
				if v := p.Park(&g.item); v != Waits {
					g.Resume(v)
				}
			}()
			go func() {
				g.handled.Store(true)
				p.Changed()
			}()
			go func() {
				if dropped = g.item.Claim(); dropped {
					p.Drop(&g.item)
				}
			}()
			synctest.Wait() // its patience has not ended
			if g.ended == "" && !dropped || p.Len() > 0 {
				t.Errorf("resumed %q, dropped %v, %d wait", g.ended, dropped, p.Len())
			}
		})
	}
}
