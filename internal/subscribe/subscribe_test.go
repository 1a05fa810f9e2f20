package subscribe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/internal/inbox"
)

var (
	large    = inbox.Limits{Messages: 1000, Bytes: 1 << 20}
	errEnded = errors.New("ended")
)

// message is an Owner's.
type message struct {
	item  inbox.Item[*message]
	topic string
	no    int
}

func (m *message) String() string { return fmt.Sprint(m.topic, "=", m.no) }

// owner has one Scope.
type owner struct {
	t  testing.TB
	sc Scope[*message]
	no int // of the last message; owned by who puts
}

func newOwner(t testing.TB, router *Router[*message], limits inbox.Limits) *owner {
	o := &owner{t: t}
	o.sc.Init(o, router, limits)
	return o
}

func (o *owner) Topic(m *message) string      { return m.topic }
func (o *owner) Before(a, b *message) bool    { return a.no < b.no }
func (o *owner) Want(*message)                {}
func (o *owner) GiveUp(m *message, err error) {}
func (o *owner) Unreachable() bool            { return true }

func (o *owner) Run(m *message, fn func(context.Context, *message) error) {
	if err := fn(context.Background(), m); err != nil {
		o.t.Error(err)
	}
}

// put puts a message into the Scope and reports whether it is queued.
func (o *owner) put(topic string) bool {
	o.no++
	m := &message{no: o.no}
	m.item.Init(m, 0, 1, true)
	return o.sc.Put(&m.item, []byte(topic), &m.topic) == nil
}

// receive returns all that can be received at once.
func (o *owner) receive() string {
	ctx, cancel := context.WithCancel(o.t.Context())
	cancel()
	var r record
	for {
		m, err := o.sc.Receive(ctx)
		if err != nil {
			return r.take()
		}
		_ = r.add(ctx, m)
	}
}

// record is what a subscription has got.
type record struct {
	mu  sync.Mutex
	got []string
}

func (r *record) add(_ context.Context, m *message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m.String())
	return nil
}

// take returns what was got since the last time.
func (r *record) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := strings.Join(r.got, " ")
	r.got = nil
	return g
}

// subscribable is a Scope or a Router.
type subscribable interface {
	Subscribe(pattern string, fn func(context.Context, *message) error) (stop func() []<-chan struct{}, ok bool)
}

func subscribe(t testing.TB, to subscribable, pattern string, fn func(context.Context, *message) error) (stop func() []<-chan struct{}) {
	t.Helper()
	stop, ok := to.Subscribe(pattern, fn)
	if !ok {
		t.Errorf("%s is taken", pattern)
	}
	return stop
}

func equal(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestWhoTakes: a Scope's own subscriptions come before the Router's, whatever the patterns.
func TestWhoTakes(t *testing.T) {
	for _, tt := range []struct {
		name         string
		own, routers string // patterns
		topic, want  string // the pattern that takes it, with "r:" for the Router's
	}{
		{"nobody", "", "", "a", ""},
		{"own", "a", "", "a", "a"},
		{"another topic", "a", "b", "c", ""},
		{"the Router's", "", "a", "a", "r:a"},
		{"own first", "a", "a", "a", "a"},
		{"own first though it is less specific", "> a.*", "a.b", "a.b", "a.*"},
		{"most specific of the own", "> a.* a.b", "", "a.b", "a.b"},
		{"most specific of the Router's", "c", "> a.* a.b", "a.c", "r:a.*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var router Router[*message]
				o := newOwner(t, &router, large)
				got := map[string]*record{}
				add := func(prefix, patterns string, to subscribable) {
					for p := range strings.FieldsSeq(patterns) {
						r := new(record)
						got[prefix+p] = r
						subscribe(t, to, p, r.add)
						if _, ok := to.Subscribe(p, r.add); ok {
							t.Errorf("%s can be had twice", p)
						}
					}
				}
				add("", tt.own, &o.sc)
				add("r:", tt.routers, &router)
				o.put(tt.topic)
				synctest.Wait()
				for p, r := range got {
					want := ""
					if p == tt.want {
						want = tt.topic + "=1"
					}
					equal(t, p, r.take(), want)
				}
				want := ""
				if tt.want == "" {
					want = tt.topic + "=1"
				}
				equal(t, "received", o.receive(), want)
			})
		})
	}
}

// TestWithoutRouter: a Scope needs none.
func TestWithoutRouter(t *testing.T) {
	o := newOwner(t, nil, inbox.Limits{Messages: 4, Bytes: 1000})
	for range 10 {
		if !o.put("a") {
			t.Error("there is no subscription that needs the room")
		}
	}
	equal(t, "received", o.receive(), "a=1 a=2 a=3 a=4 a=5 a=6 a=7 a=8 a=9 a=10")
}

// TestShared: subscriptions, the Scope's or the Router's, keep room for their messages.
func TestShared(t *testing.T) {
	for _, own := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var router Router[*message]
			o := newOwner(t, &router, inbox.Limits{Messages: 4, Bytes: 1000})
			var to subscribable = &o.sc
			if !own {
				to = &router
			}
			var r record
			stop := subscribe(t, to, "a", r.add)
			for i := range 4 {
				if got := o.put("b"); got != (i < 2) {
					t.Errorf("message %d is queued: %v", i, got)
				}
				if !o.put("a") {
					t.Errorf("message %d of the subscription is not queued", i)
				}
			}
			stop()
			if !o.put("b") {
				t.Error("without subscriptions there is room")
			}
		})
	}
}

// TestWaiting: a new pattern takes what waits in all Scopes that have had messages; what is left when it is stopped
// goes to the next.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var router Router[*message]
		x, y := newOwner(t, &router, large), newOwner(t, &router, large)
		x.put("a")
		x.put("b")
		y.put("a")
		y.put("c")
		var all, a, c record
		subscribe(t, &y.sc, "c", c.add)
		synctest.Wait()
		equal(t, "own", c.take(), "c=2")
		stopAll := subscribe(t, &router, ">", all.add)
		synctest.Wait()
		if got := all.take(); len(got) != len("a=1 b=2 a=1") {
			t.Errorf("got %q", got)
		}
		block := make(chan struct{})
		stopA := subscribe(t, &x.sc, "a", func(ctx context.Context, m *message) error {
			<-block
			return a.add(ctx, m)
		})
		x.put("a")
		synctest.Wait()
		x.put("a")
		idle := stopA()
		synctest.Wait()
		equal(t, "the Router's", all.take(), "a=4")
		close(block)
		if len(idle) != 1 {
			t.Fatalf("%d channels", len(idle))
		}
		<-idle[0]
		equal(t, "own", a.take(), "a=3")
		stopAll()
		x.put("a")
		equal(t, "received", x.receive(), "a=5")
		if n := len(stopA()) + len(stopAll()); n != 0 {
			t.Errorf("%d run after they were stopped", n)
		}
	})
}

// TestStopEverywhere: who stops a Router's subscription learns when it runs in no Scope any more.
func TestStopEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3
		var router Router[*message]
		finish := make(chan struct{})
		var r record
		stop := subscribe(t, &router, "a", func(ctx context.Context, m *message) error {
			<-finish
			return r.add(ctx, m)
		})
		var all []*owner
		for range n + 1 {
			all = append(all, newOwner(t, &router, large))
		}
		for _, o := range all[:n] {
			o.put("a")
		}
		synctest.Wait()
		for _, o := range all[:n] {
			o.put("a")
		}
		idle := stop()
		if len(idle) != n {
			t.Fatalf("it runs in %d Scopes, want %d", len(idle), n)
		}
		all[n].put("a") // nothing takes it any more
		equal(t, "received", all[n].receive(), "a=1")
		for _, ch := range idle {
			select {
			case <-ch:
				t.Error("it runs no more")
			default:
			}
		}
		close(finish)
		for _, ch := range idle {
			<-ch
		}
		equal(t, "taken", r.take(), "a=1 a=1 a=1")
		if n := len(all[0].sc.shares); n != 0 {
			t.Errorf("%d parts are left", n)
		}
		equal(t, "received", all[0].receive(), "a=2")
	})
}

// TestStoppedMeanwhile: a Scope that finds a subscription at the moment when it is stopped has no part of it.
func TestStoppedMeanwhile(t *testing.T) {
	var router Router[*message]
	stop := subscribe(t, &router, "a", nil)
	of := router.match([]byte("a"))
	stop()
	o := newOwner(t, &router, large)
	if of.add(newSubscription(&o.sc, of.pattern, of.fn, of)) {
		t.Error("nobody would stop it")
	}
}

// TestForgets: a Router that lives on keeps nothing of Scopes that have ended.
func TestForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var router Router[*message]
		block := make(chan struct{})
		stopped := subscribe(t, &router, "stopped", func(context.Context, *message) error { return nil })
		subscribe(t, &router, "a", func(context.Context, *message) error { return nil })
		subscribe(t, &router, "b", func(context.Context, *message) error { <-block; return nil })
		for range 10 {
			o := newOwner(t, &router, large)
			for _, topic := range []string{"a", "b", "c", "stopped"} {
				o.put(topic)
			}
			synctest.Wait()
			o.sc.End(errEnded)
			o.sc.End(errEnded)
			o.put("a") // too late, and taken all the same
		}
		late := newOwner(t, &router, large)
		late.sc.End(errEnded)
		late.put("a") // its first look into the Router
		stopped()
		parts := func(topic string) int {
			of := router.match([]byte(topic))
			of.mu.Lock()
			defer of.mu.Unlock()
			return len(of.parts)
		}
		synctest.Wait()
		if scopes, a, b := router.Len(), parts("a"), parts("b"); scopes != 0 || a != 0 || b != 10 {
			t.Errorf("%d Scopes, %d and %d queues are known", scopes, a, b)
		}
		close(block)
		synctest.Wait()
		if n := parts("b"); n != 0 {
			t.Errorf("%d queues are known after their functions have returned", n)
		}
	})
}

// TestRaces subscribes, stops and puts at once: no message is lost or taken twice.
func TestRaces(t *testing.T) {
	const n = 500
	var router Router[*message]
	var mu sync.Mutex
	seen := map[int]int{}
	take := func(_ context.Context, m *message) error {
		mu.Lock()
		defer mu.Unlock()
		seen[m.no]++
		return nil
	}
	o := newOwner(t, &router, inbox.Limits{Messages: 4 * n, Bytes: 4 * n})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, to := range []subscribable{&router, &o.sc} {
		wg.Go(func() {
			for ctx.Err() == nil {
				stop := subscribe(t, to, "t.*", take)
				for _, idle := range stop() {
					<-idle
				}
			}
		})
	}
	for i := range n {
		if !o.put(fmt.Sprint("t.", i%3)) {
			t.Error("not queued")
		}
	}
	cancel()
	wg.Wait()
	for {
		m, err := o.sc.Receive(ctx)
		if err != nil {
			break
		}
		_ = take(ctx, m)
	}
	for no := range n {
		if k := seen[no+1]; k != 1 {
			t.Errorf("message %d was taken %d times", no, k)
		}
	}
}
