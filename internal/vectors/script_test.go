package vectors

import (
	"fmt"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/frame"
)

// script is one transcript while it is written.
type script struct {
	t     testing.TB
	name  string
	about string
	rules []string                    // sections of the protocol
	ends  map[string]*gantline.Config // Ends that take a side's part; nil = conn and mux do
	parts []string                    // sides that a real program may take; the other one may do what it need not
	steps []*step

	table    states
	sides    map[string]*side
	limits   map[string]frame.Limits // that each side announces
	keys     *schedule
	said     map[string][]byte // payloads of HELLO and WELCOME of the last resume, without their MACs
	epoch    uint64
	attempts map[string]int // WELCOMEs and HELLOs of resumes
}

// step is one line of a transcript.
type step struct {
	from  string // "" for what is no bytes
	bytes []byte
	h     frame.Header
	note  string
	lost  bool // never arrives
	cross bool // the next frame, of the other side, was sent before this one arrived
	again bool // was sent on an older carrier
	after *after

	app     string // side whose application does something
	do      func(*real)
	carrier string // "cut" or "new"
	wait    int    // ms that pass

	received map[string]uint64               // positions of both sides after the step
	released map[string][frame.Groups]uint64 // likewise
}

// after is the receiver's state after a frame.
type after struct {
	Position uint64               `json:"position"`
	Acked    uint64               `json:"acked"`
	Early    [frame.Groups]uint64 `json:"early"`
	Stream   *streamAfter         `json:"stream,omitempty"`
}

type streamAfter struct {
	ID      uint64 `json:"id"`
	State   string `json:"state"`
	Early   int    `json:"early"`
	Granted int    `json:"granted"`
	Credit  int    `json:"credit"`
	Body    int    `json:"body"`
}

// defaultLimits are what the transcripts' sides announce where the limits do not matter.
var defaultLimits = frame.Limits{
	MaxPayload: 64 << 10, Streams: 1024, Calls: 1024, Messages: 1024, Backlog: 256,
	EarlyStream: 64 << 10, EarlyPool: [frame.Groups]uint32{4 << 20, 4 << 20, 4 << 20}, Log: 512 << 10, Body: 4 << 20,
}

func newScript(t testing.TB, name, about string, rules ...string) *script {
	return &script{
		t: t, name: name, about: about, rules: rules, parts: []string{client, server}, table: readStates(t),
		attempts: map[string]int{},
		sides:    map[string]*side{client: newSide(), server: newSide()},
		limits:   map[string]frame.Limits{client: defaultLimits, server: defaultLimits},
	}
}

// only says which side a real program may take.
func (x *script) only(side string) *script {
	x.parts = []string{side}
	return x
}

// limit changes what both sides announce.
func (x *script) limit(change func(*frame.Limits)) *script {
	for s, l := range x.limits {
		change(&l)
		x.limits[s] = l
	}
	return x
}

func (x *script) fatal(format string, args ...any) {
	x.t.Helper()
	x.t.Fatalf("%s, step %d: %s", x.name, len(x.steps), fmt.Sprintf(format, args...))
}

// add appends s, with what both sides know then.
func (x *script) add(s *step) *step {
	s.received, s.released = map[string]uint64{}, map[string][frame.Groups]uint64{}
	for name, side := range x.sides {
		s.received[name], s.released[name] = side.position, side.released
	}
	x.steps = append(x.steps, s)
	return s
}

// app is what the application of a side does, or must see.
func (x *script) app(side, note string, do func(*real)) {
	x.add(&step{app: side, note: note, do: do})
}

// cut breaks the carrier; renew brings another one.
func (x *script) cut()        { x.add(&step{carrier: "cut"}) }
func (x *script) renew()      { x.add(&step{carrier: "new"}) }
func (x *script) wait(ms int) { x.add(&step{wait: ms}) }

// raw is bytes that are no frame.
func (x *script) raw(from, note string, b []byte) { x.add(&step{from: from, bytes: b, note: note}) }

// send is one frame, which arrives.
func (x *script) send(from string, b []byte, note string) {
	x.t.Helper()
	s := x.frame(from, b, note)
	x.leaves(s)
	x.arrives(s)
	x.add(s)
}

// cross is two frames that pass each other: b was sent before a arrived. a is shown first.
func (x *script) cross(from string, a []byte, noteA string, b []byte, noteB string) {
	x.t.Helper()
	s, o := x.frame(from, a, noteA), x.frame(other(from), b, noteB)
	s.cross = true
	x.leaves(s)
	x.leaves(o)
	x.arrives(s)
	x.add(s)
	x.arrives(o)
	x.add(o)
}

// lose is a frame that is sent and does not arrive.
func (x *script) lose(from string, b []byte, note string) {
	x.t.Helper()
	s := x.frame(from, b, note)
	s.lost = true
	x.leaves(s)
	x.add(s)
}

// resend is a frame of an older carrier, sent again.
func (x *script) resend(from string, b []byte, note string) {
	x.t.Helper()
	s := x.frame(from, b, note)
	s.again = true
	x.arrives(s)
	x.add(s)
}

func (x *script) frame(from string, b []byte, note string) *step {
	x.t.Helper()
	h, err := frame.ParseHeader(b)
	if err == nil {
		err = h.Validate(x.limits[other(from)].MaxPayload)
	}
	if err != nil || len(b) != frame.HeaderLen+int(h.Length) {
		x.fatal("not a frame: %x, %v", b, err)
	}
	return &step{from: from, bytes: b, h: h, note: note}
}

func (x *script) leaves(s *step) {
	x.t.Helper()
	if s.h.Type.Sequenced() {
		if err := x.table.sends(x.sides[s.from], s.h, s.bytes[frame.HeaderLen:]); err != nil {
			x.fatal("%s sends %v: %v", s.from, s.h.Type, err)
		}
	}
}

// arrives changes the receiver and records its state.
func (x *script) arrives(s *step) {
	x.t.Helper()
	to, p := x.sides[other(s.from)], s.bytes[frame.HeaderLen:]
	switch s.h.Type {
	case frame.TypeHello, frame.TypeWelcome, frame.TypeRefuse:
		return
	case frame.TypeAck:
		a, err := frame.ParseAck(p)
		x.acked(to, a, err)
	case frame.TypePing, frame.TypePong:
		a, err := frame.ParsePing(p)
		x.acked(to, a.Ack, err)
	case frame.TypeBye:
		b, err := frame.ParseBye(p)
		x.acked(to, frame.Ack{Position: b.Position}, err)
	default:
		if err := x.table.takes(to, s.h, p); err != nil {
			x.fatal("%s takes %v: %v", other(s.from), s.h.Type, err)
		}
	}
	s.after = &after{Position: to.position, Acked: to.acked, Early: to.early}
	if st := to.streams[s.h.ID]; s.h.Type.Sequenced() && st != nil && s.h.Type != frame.TypeDrain && s.h.Type != frame.TypeSettings {
		s.after.Stream = &streamAfter{s.h.ID, st.state, st.early, st.granted, st.credit, st.body}
	}
}

func (x *script) acked(to *side, a frame.Ack, err error) {
	x.t.Helper()
	if err != nil || a.Position < to.acked || a.Position > to.sent {
		x.fatal("position %d is not between %d and %d: %v", a.Position, to.acked, to.sent, err)
	}
	to.acked = a.Position
}
