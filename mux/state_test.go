package mux

import (
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// A state of an entry, and how a script brings it about. What is owed then is not sent yet.
type state struct {
	name string
	make func(r *raw)
	// For each event: "err", or "in" (the table), "out" or "gone" (was before), and the frames that are then sent.
	cells map[string]string
}

// check feeds every event in every state, each to a session of its own.
func checkStates(t *testing.T, id uint64, events map[string]rawFrame, states []state) {
	for _, s := range states {
		for name, f := range events {
			t.Run(s.name+", "+name, func(t *testing.T) {
				want, ok := s.cells[name]
				if !ok {
					t.Fatal("the table has no such cell")
				}
				r := newRaw(t, nil)
				s.make(r)
				err := r.feed(f)
				if want == "err" {
					if err == nil {
						t.Fatalf("no error; then %v is sent", r.take())
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got := []string{"in"}
				for _, f := range r.take() {
					got = append(got, f.String())
				}
				if r.lookup(id) == nil {
					got[0] = "out"
				}
				if got := strings.Join(got, "; "); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if r.lookup(id) == nil && id != 0 {
					checkRaw(t, r)
				}
			})
		}
		if len(s.cells) != len(events) {
			t.Errorf("%s: %d cells for %d events", s.name, len(s.cells), len(events))
		}
	}
}

// TestStreamStates is the table of PROTOCOL.md, section "Stream states", and what else may come in them.
func TestStreamStates(t *testing.T) {
	events := map[string]rawFrame{
		"DATA": fData(1, flEarly, 3), "FIN": fData(1, flFin, 0), "DATA+FIN": fData(1, flFin|flEarly, 3), "BLOCKED": fData(1, flBlock, 0),
		"HEAD": fHead(1, flFin, frame.Head{}, 0), "CREDIT": fCredit(1, 5), "STOP": fStop(1, frame.OK), "RESET": fReset(1, frame.Aborted),
	}
	open := func(r *raw) *Stream {
		r.ok(fOpen(1, 0, frame.Open{}))
		st := r.acc.streams[0]
		st.Accept()
		r.take()
		st.CloseRead() // so that what comes is released
		r.take()
		return st
	}
	dropped := map[string]string{"DATA": "out", "FIN": "out", "DATA+FIN": "out", "BLOCKED": "out", "HEAD": "out", "CREDIT": "out", "STOP": "out", "RESET": "out"}
	closed := map[string]string{}
	for name, cell := range dropped {
		closed[name] = cell + "; DATA 1 FIN 0"
	}
	checkStates(t, 1, events, []state{
		{"open", func(r *raw) { open(r) }, map[string]string{"DATA": "in", "FIN": "in", "DATA+FIN": "in", "BLOCKED": "in", "HEAD": "err",
			"CREDIT": "in", "STOP": "in; DATA 1 FIN 0", "RESET": "out; DATA 1 FIN 0"}},
		{"half-sent", func(r *raw) { open(r).CloseWrite(); r.want("DATA 1 FIN 0") }, map[string]string{"DATA": "in", "FIN": "out", "DATA+FIN": "out", "BLOCKED": "in",
			"HEAD": "err", "CREDIT": "in", "STOP": "in", "RESET": "out"}},
		{"half-received", func(r *raw) { open(r); r.ok(fData(1, flFin, 0)) }, map[string]string{"DATA": "err", "FIN": "err", "DATA+FIN": "err", "BLOCKED": "err",
			"HEAD": "err", "CREDIT": "in", "STOP": "out; DATA 1 FIN 0", "RESET": "out; DATA 1 FIN 0"}},
		{"resetting", func(r *raw) { open(r).Reset(frame.Aborted, ""); r.want("RESET 1 Aborted") }, map[string]string{"DATA": "in", "FIN": "out", "DATA+FIN": "out",
			"BLOCKED": "in", "HEAD": "err", "CREDIT": "in", "STOP": "in", "RESET": "out"}},
		{"closed, owes FIN", func(r *raw) { open(r); r.ok(fReset(1, frame.Aborted)) }, closed},
		{"closed", func(r *raw) {
			open(r).CloseWrite()
			r.ok(fData(1, flFin, 0))
			r.want("DATA 1 FIN 0")
		}, dropped},
		{"never opened", func(r *raw) {}, map[string]string{"DATA": "err", "FIN": "err", "DATA+FIN": "err", "BLOCKED": "err", "HEAD": "err", "CREDIT": "err", "STOP": "err", "RESET": "err"}},
		{"not accepted", func(r *raw) { r.ok(fOpen(1, 0, frame.Open{})); r.acc.streams[0].CloseRead(); r.want("STOP 1 OK") }, map[string]string{"DATA": "in", "FIN": "in", "DATA+FIN": "in",
			"BLOCKED": "in", "HEAD": "err", "CREDIT": "in", "STOP": "in", "RESET": "out; DATA 1 FIN 0"}},
		{"refused", func(r *raw) { r.ok(fOpen(1, 0, frame.Open{})); r.acc.streams[0].Reset(frame.NotFound, "") }, map[string]string{"DATA": "in; RESET 1 NotFound", "FIN": "out; RESET 1 NotFound",
			"DATA+FIN": "out; RESET 1 NotFound", "BLOCKED": "in; RESET 1 NotFound", "HEAD": "err", "CREDIT": "in; RESET 1 NotFound", "STOP": "in; RESET 1 NotFound", "RESET": "out; RESET 1 NotFound"}},
	})
}

// TestExchangeStates is the same for a call of this side's.
func TestExchangeStates(t *testing.T) {
	ten := frame.Head{Size: 10}
	events := map[string]rawFrame{
		"answer": fHead(2, flFin|flEarly, frame.Head{}, 5), "bare FIN": fData(2, flFin, 0), "begin": fHead(2, flEarly, ten, 5), "empty begin": fHead(2, 0, ten, 0),
		"short": fHead(2, flFin|flEarly, ten, 5), "granted": fHead(2, flFin, frame.Head{}, 5),
		"5": fData(2, flEarly, 5), "5+FIN": fData(2, flEarly|flFin, 5), "6": fData(2, flEarly, 6), "BLOCKED": fData(2, flBlock, 0),
		"CREDIT": fCredit(2, 5), "STOP": fStop(2, frame.OK), "RESET": fReset(2, frame.Aborted),
	}
	start := func(r *raw) *Exchange {
		x := &Exchange{Sink: make(waitSink, 1)}
		if err := r.Start(r.t.Context(), x, &Open{Kind: frame.KindCall, Name: "m"}, []byte("body")); err != nil {
			r.t.Fatal(err)
		}
		r.take()
		return x
	}
	given := func(then string) map[string]string {
		return map[string]string{"answer": "out" + then, "bare FIN": "out" + then, "begin": "in; RESET 2 Canceled", "empty begin": "in; RESET 2 Canceled", "short": "out" + then, "granted": "out" + then,
			"5": "in; RESET 2 Canceled", "5+FIN": "out" + then, "6": "in; RESET 2 Canceled", "BLOCKED": "in; RESET 2 Canceled", "CREDIT": "in; RESET 2 Canceled", "STOP": "in; RESET 2 Canceled", "RESET": "out" + then}
	}
	told := given("")
	for k, v := range told {
		told[k] = strings.TrimSuffix(v, "; RESET 2 Canceled")
	}
	checkStates(t, 2, events, []state{
		{"waiting", func(r *raw) { start(r) }, map[string]string{"answer": "out", "bare FIN": "out", "begin": "in; CREDIT 2 5", "empty begin": "in; CREDIT 2 10",
			"short": "err", "granted": "err", "5": "err", "5+FIN": "err", "6": "err", "BLOCKED": "in", "CREDIT": "in", "STOP": "in", "RESET": "out"}},
		{"answering", func(r *raw) { start(r); r.ok(fHead(2, flEarly, ten, 5)); r.want("CREDIT 2 5") }, map[string]string{"answer": "err", "bare FIN": "err", "begin": "err", "empty begin": "err",
			"short": "err", "granted": "err", "5": "in", "5+FIN": "out", "6": "err", "BLOCKED": "in", "CREDIT": "in", "STOP": "in", "RESET": "out"}},
		{"given up", func(r *raw) { start(r).Cancel(frame.Canceled, "") }, given("")},
		{"given up and told", func(r *raw) { start(r).Cancel(frame.Canceled, ""); r.want("RESET 2 Canceled") }, told},
		{"given up while answering", func(r *raw) {
			x := start(r)
			r.ok(fHead(2, flEarly, ten, 5))
			x.Cancel(frame.Canceled, "")
			r.want("RESET 2 Canceled")
		}, told},
	})
}

// TestIncomingStates is the same for a call of the peer's.
func TestIncomingStates(t *testing.T) {
	events := map[string]rawFrame{
		"5": fData(1, flEarly, 5), "5+FIN": fData(1, flEarly|flFin, 5), "6": fData(1, flEarly, 6), "FIN": fData(1, flFin, 0), "BLOCKED": fData(1, flBlock, 0), "HEAD": fHead(1, flFin, frame.Head{}, 0),
		"granted 5": fData(1, 0, 5), "CREDIT": fCredit(1, 5), "STOP": fStop(1, frame.OK), "RESET": fReset(1, frame.Aborted),
	}
	open := func(r *raw, flags frame.Flags, size uint32) *Incoming {
		r.ok(fOpen(1, flags, frame.Open{Kind: frame.KindCall, Size: size, Body: []byte("12345")}))
		r.take()
		return r.acc.incoming[0]
	}
	all := func(cell string) map[string]string {
		m := map[string]string{}
		for name := range events {
			m[name] = cell
		}
		return m
	}
	reply := func(x *Incoming) { x.Reply(x.s.acc.(*rawAcceptor).t.Context(), nil, nil) }
	closed := all("in")
	checkStates(t, 1, events, []state{
		{"whole", func(r *raw) { open(r, flFin, 5).Dispatched() }, map[string]string{"5": "err", "5+FIN": "err", "6": "err", "FIN": "err", "BLOCKED": "err", "HEAD": "err", "granted 5": "err",
			"CREDIT": "in", "STOP": "in", "RESET": "in"}},
		{"part", func(r *raw) { open(r, 0, 10) }, map[string]string{"5": "in", "5+FIN": "in", "6": "err", "FIN": "err", "BLOCKED": "in", "HEAD": "err", "granted 5": "in",
			"CREDIT": "in", "STOP": "in", "RESET": "in"}},
		{"given up", func(r *raw) { open(r, 0, 10); r.ok(fReset(1, frame.Canceled)) }, closed},
		{"given up and answered", func(r *raw) { open(r, 0, 10); r.ok(fReset(1, frame.Canceled)); reply(r.acc.cancelled[0]) }, all("out; DATA 1 FIN 0")},
		{"answered early", func(r *raw) { reply(open(r, 0, 10)); r.want("DATA 1 FIN|HEAD OK 0", "STOP 1 OK") }, map[string]string{"5": "in", "5+FIN": "out", "6": "in", "FIN": "out", "BLOCKED": "in", "HEAD": "err",
			"granted 5": "in", "CREDIT": "in", "STOP": "in", "RESET": "out"}},
		{"over", func(r *raw) { reply(open(r, flFin, 5)); r.want("DATA 1 FIN|HEAD OK 0") }, all("out")},
	})
}
