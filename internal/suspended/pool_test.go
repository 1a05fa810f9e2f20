package suspended

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// values guards all that a Pool's timer reads and tests change.
var values sync.Mutex

// change lets a test change values.
func change(do func()) {
	values.Lock()
	defer values.Unlock()
	do()
}

// value is something that waits, as a test says.
type value struct {
	name string
	View[string]
	returning bool // drop does not get it
}

// dropped collects what a Pool drops.
type dropped struct {
	names  []string
	limits []Limit
}

func (d *dropped) drop(v *value, l Limit) bool {
	values.Lock()
	defer values.Unlock()
	if v.returning {
		return false
	}
	d.names, d.limits = append(d.names, v.name), append(d.limits, l)
	return true
}

func (d *dropped) take() (names []string) {
	synctest.Wait()
	values.Lock()
	defer values.Unlock()
	names, d.names, d.limits = d.names, nil, nil
	return names
}

func look(v *value) View[string] {
	values.Lock()
	defer values.Unlock()
	return v.View
}

func waiting(name, source string, bytes int, idle bool) *value {
	return &value{name: name, View: View[string]{Waiting: true, Source: source, Bytes: bytes, Idle: idle}}
}

// TestWhoGoes: which value goes for which limit.
func TestWhoGoes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits Limits
		values []*value
		want   []string
	}{
		{"none", Limits{}, []*value{waiting("a", "A", 1<<30, true), waiting("b", "A", 1<<30, true)}, nil},
		{"the oldest of whoever has most", Limits{Count: 3}, []*value{
			waiting("a1", "A", 0, false), waiting("b1", "B", 0, false), waiting("b2", "B", 0, false), waiting("c1", "C", 0, false)}, []string{"b1"}},
		{"the oldest if all have as many", Limits{Count: 2}, []*value{
			waiting("a1", "A", 0, false), waiting("b1", "B", 0, false), waiting("c1", "C", 0, false)}, []string{"a1"}},
		{"those that did nothing first", Limits{Count: 3}, []*value{
			waiting("a1", "A", 0, false), waiting("a2", "A", 0, false), waiting("a3", "A", 0, false), waiting("b1", "B", 0, true)}, []string{"b1"}},
		{"of those, whoever has most", Limits{Count: 4}, []*value{
			waiting("a1", "A", 0, false), waiting("a2", "A", 0, false), waiting("b1", "B", 0, true), waiting("c1", "C", 0, true), waiting("c2", "C", 0, true)}, []string{"c1"}},
		{"within a source", Limits{PerSource: 2}, []*value{
			waiting("b1", "B", 0, false), waiting("a1", "A", 0, false), waiting("a2", "A", 0, true), waiting("a3", "A", 0, true)}, []string{"a2"}},
		{"within a source, the oldest", Limits{PerSource: 2}, []*value{
			waiting("a1", "A", 0, false), waiting("a2", "A", 0, false), waiting("a3", "A", 0, false), waiting("a4", "A", 0, false)}, []string{"a1", "a2"}},
		{"the largest of the source that holds most", Limits{Bytes: 100}, []*value{
			waiting("a1", "A", 60, false), waiting("b1", "B", 10, true), waiting("b2", "B", 30, false), waiting("b3", "B", 25, false)}, []string{"b2"}}, // B holds 65
		{"as many as it takes", Limits{Bytes: 100}, []*value{
			waiting("a1", "A", 40, false), waiting("b1", "B", 50, false), waiting("c1", "C", 90, false), waiting("d1", "D", 95, false)}, []string{"c1", "d1"}},
		{"one that is too large by itself", Limits{Bytes: 100}, []*value{waiting("a1", "A", 40, false), waiting("b1", "B", 101, false)}, []string{"b1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d dropped
				p := New(tt.limits, look, d.drop)
				for _, v := range tt.values {
					<-time.After(time.Millisecond)
					p.Update(v)
				}
				if got := d.take(); !slices.Equal(got, tt.want) {
					t.Errorf("dropped %q, want %q", got, tt.want)
				}
				if st := p.Stats(); st.Waiting != len(tt.values)-len(tt.want) {
					t.Errorf("stats %+v", st)
				}
				for _, v := range tt.values {
					p.Remove(v)
				}
				if st := p.Stats(); st.Waiting != 0 || st.Bytes != 0 || len(p.sources) != 0 || p.idle != 0 {
					t.Errorf("empty, and stats %+v", st)
				}
			})
		})
	}
}

// TestDidNothing: beyond a few, what did nothing has less time. Who uses it in the meantime, or returns, keeps it.
func TestDidNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dropped
		p := New(Limits{Few: 2, Idle: 5 * time.Second}, look, d.drop)
		var all []*value
		for i := range 6 {
			v := waiting(fmt.Sprint(i), "A", 1, true)
			all = append(all, v)
			p.Update(v)
		}
		for i := range 2 { // another source has its own few
			p.Update(waiting(fmt.Sprint("b", i), "B", 1, true))
		}
		<-time.After(4 * time.Second)
		change(func() { all[1].Idle = false }) // used by our side; nobody says so
		change(func() { all[2].Waiting = false })
		p.Update(all[2])
		<-time.After(time.Second + time.Millisecond)
		if got := d.take(); !slices.Equal(got, []string{"0", "3"}) {
			t.Errorf("dropped %q", got)
		}
		<-time.After(time.Hour)
		if got := d.take(); got != nil {
			t.Errorf("dropped %q of the few", got)
		}
		p.Update(waiting("late", "A", 1, true)) // the oldest of the few is one too many now
		<-time.After(4 * time.Second)
		if got := d.take(); got != nil {
			t.Errorf("dropped %q too soon", got)
		}
		<-time.After(2 * time.Second)
		if got := d.take(); !slices.Equal(got, []string{"4"}) {
			t.Errorf("dropped %q", got)
		}
		if st := p.Stats(); st.Hits[Idle] != 3 {
			t.Errorf("stats %+v", st)
		}
	})
}

// TestReturning: what is just coming back is left alone, and waits on if that fails.
func TestReturning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dropped
		p := New(Limits{Count: 1}, look, d.drop)
		a, b := waiting("a", "A", 3, true), waiting("b", "B", 4, true)
		a.returning = true
		p.Update(a)
		<-time.After(time.Millisecond)
		p.Update(b)
		if st := p.Stats(); st.Waiting != 2 || st.Bytes != 7 || st.Hits[Count] != 0 || d.names != nil {
			t.Errorf("stats %+v, dropped %q", st, d.names)
		}
		change(func() { a.returning = false })
		<-time.After(lookPeriod) // the next look finds one too many
		synctest.Wait()
		if st := p.Stats(); st.Waiting != 1 || st.Hits[Count] != 1 {
			t.Errorf("stats %+v, dropped %q", st, d.names)
		}
	})
}

// TestGrows: what waits may grow, and is looked at again. With none there is no timer.
func TestGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dropped
		p := New(Limits{Bytes: 10_000}, look, d.drop)
		var all []*value
		for i := range 3 * lookStep {
			v := waiting(fmt.Sprint(i), fmt.Sprint(i%7), 1, i%2 == 0)
			all = append(all, v)
			p.Update(v)
		}
		change(func() { all[700].Bytes = 9_900 })
		<-time.After(lookPeriod + time.Millisecond)
		if got := d.take(); !slices.Equal(got, []string{"700"}) {
			t.Errorf("dropped %q", got)
		}
		change(func() { all[5].Bytes, all[6].Bytes = 4000, 4000 })
		<-time.After(lookPeriod)
		if st := p.Stats(); st.Bytes != 8000+len(all)-3 {
			t.Errorf("stats %+v", st)
		}
		for _, v := range all {
			p.Remove(v)
		}
		<-time.After(2 * lookPeriod)
		synctest.Wait()
		if p.mu.Lock(); p.looking != nil {
			t.Error("it looks on, at nothing")
		}
		p.mu.Unlock()
	})
}

// TestBlockedDrop: to end one may take long. Others go on waiting and coming meanwhile.
func TestBlockedDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := New(Limits{Few: 0, Idle: time.Second}, look, func(v *value, _ Limit) bool {
			if v.name == "0" {
				<-release
			}
			return true
		})
		for i := range 2 * expireStep {
			p.Update(waiting(fmt.Sprint(i), "A", 1, true))
		}
		<-time.After(2 * time.Second)
		if st := p.Stats(); st.Waiting != 0 {
			t.Errorf("%d are kept because one hangs", st.Waiting)
		}
		p.Update(waiting("new", "A", 1, true))
		<-time.After(2 * time.Second)
		if st := p.Stats(); st.Waiting != 0 {
			t.Errorf("stats %+v", st)
		}
		close(release)
	})
}
