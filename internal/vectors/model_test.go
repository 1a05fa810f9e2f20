package vectors

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

const (
	client = "client"
	server = "server"
)

// other is the peer of a side.
func other(side string) string {
	if side == client {
		return server
	}
	return client
}

// side is what the model knows of one end of a session.
type side struct {
	sent     uint64 // bytes of sequenced frames, once each
	acked    uint64 // of those, known to have arrived
	position uint64 // bytes of the peer's that have arrived
	early    [frame.Groups]uint64
	released [frame.Groups]uint64 // of those, as this side has said last
	streams  map[uint64]*stream
}

// stream is one stream as one side sees it.
type stream struct {
	state   string
	group   int
	early   int // body bytes that came early
	granted int // body bytes that the peer may still send on grants
	credit  int // the same for this side
	body    int // body bytes that came
}

func newSide() *side { return &side{streams: map[uint64]*stream{0: {state: "open"}}} }

// count returns how many streams are open, the first one not counted.
func (s *side) count() (n int) {
	for id, st := range s.streams {
		if id != 0 && st.state != "closed" {
			n++
		}
	}
	return n
}

// states is the table "Stream states" of the protocol, by state and event.
type states map[string]map[string]string

func readStates(t testing.TB) states {
	t.Helper()
	b, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "\n### 6.7 Stream states\n")
	text, _, _ = strings.Cut(text, "\n### ")
	var events []string
	table := states{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if events == nil {
			events = cells
			continue
		}
		row := map[string]string{}
		for i, c := range cells[1:] {
			row[events[i+1]] = c
		}
		table[cells[0]] = row
	}
	if !ok || len(table) != 5 {
		t.Fatalf("the table of stream states has %d rows, want 5", len(table))
	}
	return table
}

const owesFin = ", owes FIN"

// step moves st.
func (t states) step(st *stream, event string) error {
	if st.state == "closed"+owesFin {
		if event == "FIN sent" {
			st.state = "closed"
		}
		return nil // else as in closed
	}
	cell, ok := t[st.state][event]
	switch {
	case !ok:
		return fmt.Errorf("the table has no cell for %q in %q", event, st.state)
	case cell == "" || cell == "error":
		return fmt.Errorf("%q in %q: %q", event, st.state, cell)
	}
	cell = strings.TrimSuffix(cell, ", dropped")
	if next, owes := strings.CutSuffix(cell, owesFin); owes && next != "closed" {
		cell = next // the FIN that is owed is an event of its own
	}
	st.state = cell
	return nil
}

// bodyOf returns how many body bytes a frame has.
func bodyOf(h frame.Header, p []byte) (int, error) {
	switch {
	case h.Type == frame.TypeOpen:
		o, err := frame.ParseOpen(p)
		return len(o.Body), err
	case h.Type != frame.TypeData:
		return 0, nil
	case h.Flags&frame.FlagHead != 0:
		_, body, err := frame.ParseHead(p)
		return len(body), err
	}
	return len(p), nil
}

// sends changes s for a sequenced frame that it appends to its log.
func (t states) sends(s *side, h frame.Header, p []byte) error {
	s.sent += uint64(frame.HeaderLen + len(p))
	n, err := bodyOf(h, p)
	if err != nil {
		return err
	}
	if h.Type == frame.TypeOpen {
		s.streams[h.ID] = &stream{state: "open", group: int(frame.Kind(p[0]).Group())}
	}
	st := s.streams[h.ID]
	switch h.Type {
	case frame.TypeDrain, frame.TypeSettings:
		return nil
	case frame.TypeCredit:
		c, err := frame.ParseCredit(p)
		st.granted += int(c)
		return err
	case frame.TypeReset:
		err = t.step(st, "RESET sent")
		return err
	case frame.TypeData:
		if n > 0 && h.Flags&frame.FlagEarly == 0 {
			st.credit -= n
		}
	}
	if h.Flags&frame.FlagFin != 0 {
		err = t.step(st, "FIN sent")
	}
	return err
}

// takes changes s for a sequenced frame that has arrived.
func (t states) takes(s *side, h frame.Header, p []byte) error {
	s.position += uint64(frame.HeaderLen + len(p))
	n, err := bodyOf(h, p)
	if err != nil {
		return err
	}
	if h.Type == frame.TypeOpen {
		st := &stream{state: "open", group: int(frame.Kind(p[0]).Group())}
		s.streams[h.ID] = st
		s.early[st.group] += uint64(n)
		st.early, st.body = n, n
	}
	st := s.streams[h.ID]
	switch h.Type {
	case frame.TypeDrain, frame.TypeSettings:
		return nil
	case frame.TypeCredit:
		c, err := frame.ParseCredit(p)
		st.credit += int(c)
		return err
	case frame.TypeReset:
		err = t.step(st, "RESET received")
		return err
	case frame.TypeStop:
		err = t.step(st, "STOP received")
		return err
	case frame.TypeData:
		if err = t.step(st, "DATA received"); err != nil {
			return err
		}
		switch {
		case n == 0:
		case strings.HasPrefix(st.state, "closed"):
			return nil // nothing of it counts any more but the position
		case h.Flags&frame.FlagEarly != 0:
			s.early[st.group] += uint64(n)
			st.early += n
		default:
			st.granted -= n
		}
		st.body += n
	}
	if h.Flags&frame.FlagFin != 0 {
		err = t.step(st, "FIN received")
	}
	return err
}
