package conn

import (
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestStateTable walks every cell of the table, the illegal ones too.
func TestStateTable(t *testing.T) {
	const (
		no = State(0)
		cn = StateConnecting
		hs = StateHandshaking
		up = StateUp
		br = StateBroken
		dr = StateDraining
		cl = StateClosed
	)
	want := []struct {
		from  State
		cells [lastEvent]State
	}{
		//    carrier up  upDr drain lost end
		{no, [...]State{no, no, no, no, no, no}},
		{cn, [...]State{hs, no, no, cn, no, cl}},
		{hs, [...]State{no, up, dr, hs, br, cl}},
		{up, [...]State{no, no, no, dr, br, cl}},
		{br, [...]State{hs, no, no, br, no, cl}},
		{dr, [...]State{no, no, no, dr, br, cl}},
		{cl, [...]State{no, no, no, no, no, no}},
	}
	if len(want) != int(lastState) {
		t.Fatalf("%d states in the table, %d exist", len(want), lastState)
	}
	for i, row := range want {
		if row.from != State(i) {
			t.Fatalf("row %d is of %v", i, row.from)
		}
		for e, n := range row.cells {
			got, ok := row.from.next(event(e))
			if ok != (n != no) || ok && got != n || !ok && got != row.from {
				t.Errorf("%v, %v: %v %v, want %v", row.from, event(e), got, ok, n)
			}
		}
	}
}

func TestStateNames(t *testing.T) {
	for s, want := range map[State]string{
		0: "none", StateConnecting: "connecting", StateHandshaking: "handshaking", StateUp: "up",
		StateBroken: "broken", StateDraining: "draining", StateClosed: "closed", 99: "unknown state",
	} {
		if got := s.String(); got != want {
			t.Errorf("State(%d) is %q, want %q", s, got, want)
		}
	}
}

// states collects what OnState is told.
type states struct {
	mu   sync.Mutex
	seen []State
}

func (s *states) add(n State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, n)
}

func (s *states) want(t *testing.T, want ...State) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.seen, want) {
		t.Errorf("states %v, want %v", s.seen, want)
	}
}

func TestOnState(t *testing.T) {
	t.Run("close", func(t *testing.T) {
		var cs, ss states
		a, b := memnet.Pipe()
		c, s := shake(t, a, b, &Config{OnState: cs.add}, &Config{OnState: ss.add})
		c.Start(newTap())
		s.Start(newTap())
		finish(t, c, s)
		cs.want(t, StateHandshaking, StateUp, StateDraining, StateClosed)
		ss.want(t, StateHandshaking, StateUp, StateClosed)
	})
	t.Run("lost", func(t *testing.T) {
		var cs states
		a, b := memnet.Pipe()
		c, s := shake(t, a, b, &Config{OnState: cs.add}, nil)
		c.Start(newTap())
		s.Start(newTap())
		a.Cut()
		<-c.Done()
		<-s.Done()
		cs.want(t, StateHandshaking, StateUp, StateBroken, StateClosed)
	})
	t.Run("refused", func(t *testing.T) {
		var cs states
		a, b := memnet.Pipe()
		b.Close()
		if _, err := Client(t.Context(), a, &Config{OnState: cs.add}); err == nil {
			t.Fatal("no error")
		}
		cs.want(t, StateHandshaking, StateClosed)
	})
	t.Run("never started", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var cs states
			a, b := memnet.Pipe()
			c, s := shake(t, a, b, &Config{OnState: cs.add}, nil)
			finish(t, c, s)
			cs.want(t, StateHandshaking, StateUp, StateClosed)
		})
	})
}

// TestOnStateReenters calls back into the link from OnState, which changes the
// state again: the change is told afterwards.
func TestOnStateReenters(t *testing.T) {
	var (
		seen states
		c    *Link
	)
	a, b := memnet.Pipe()
	c, s := shake(t, a, b, &Config{OnState: func(n State) {
		if n == StateDraining {
			c.Stats()
			c.Abort(nil)
			<-c.Done()
		}
		seen.add(n)
	}}, nil)
	c.Start(newTap())
	s.Start(newTap())
	c.Close(t.Context(), 0, "")
	<-s.Done()
	seen.want(t, StateHandshaking, StateUp, StateDraining, StateClosed)
}

// TestStateCharts compares the chart in lifetime's comment and the table of
// docs/PROTOCOL.md with the table in the code.
func TestStateCharts(t *testing.T) {
	want := make(map[string][]string)
	for s := StateConnecting; s < lastState; s++ {
		for e := range lastEvent {
			cell := ""
			if n := transitions[s][e]; n != 0 {
				cell = n.String()
			}
			want[s.String()] = append(want[s.String()], cell)
		}
	}
	check := func(name string, got map[string][]string) {
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s has\n%q\nthe code has\n%q", name, got, want)
		}
	}
	check("lifetime's comment", commentChart(t))
	check("docs/PROTOCOL.md", protocolChart(t))
}

// commentChart returns the cells of the chart in lifetime.go by state. A cell
// begins where its event stands in the chart's head.
func commentChart(t *testing.T) map[string][]string {
	_, text, ok := strings.Cut(readFile(t, "lifetime.go"), "//\t")
	if !ok {
		t.Fatal("there is no chart")
	}
	text, _, _ = strings.Cut(text, "\n//\n")
	rows := strings.Split(text, "\n//\t")
	var at []int
	from := 0
	for _, name := range eventNames {
		i := strings.Index(rows[0][from:], name) + from
		at = append(at, i)
		from = i + len(name)
	}
	chart := make(map[string][]string)
	for _, row := range rows[1:] {
		row += strings.Repeat(" ", len(rows[0]))
		state := strings.TrimSpace(row[:at[0]])
		for i, a := range at {
			end := len(row)
			if i+1 < len(at) {
				end = at[i+1]
			}
			chart[state] = append(chart[state], strings.TrimSpace(row[a:end]))
		}
	}
	return chart
}

// protocolChart returns the cells of the protocol's table by state.
func protocolChart(t *testing.T) map[string][]string {
	_, text, _ := strings.Cut(readFile(t, "../docs/PROTOCOL.md"), "### 5.6 Link states")
	_, text, ok := strings.Cut(text, "|---|\n")
	if !ok {
		t.Fatal("there is no table")
	}
	text, _, _ = strings.Cut(text, "\n\n")
	chart := make(map[string][]string)
	for _, row := range strings.Split(text, "\n") {
		cells := strings.Split(strings.Trim(row, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		chart[cells[0]] = cells[1:]
	}
	return chart
}

func readFile(t *testing.T, name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
