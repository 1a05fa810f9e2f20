package mux

import (
	"errors"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestIDs: which ids an OPEN may bring.
func TestIDs(t *testing.T) {
	for _, c := range []struct {
		name   string
		client bool
		ids    []uint64
		bad    string
	}{
		{"odd from the client", false, []uint64{1, 3, 5}, ""},
		{"gaps", false, []uint64{1, 101, 9999}, ""},
		{"even from the server", true, []uint64{2, 4}, ""},
		{"highest", false, []uint64{frame.MaxID}, ""},
		{"even from the client", false, []uint64{1, 2}, "parity"},
		{"odd from the server", true, []uint64{2, 3}, "parity"},
		{"again", false, []uint64{1, 3, 3}, "not above"},
		{"decreasing", false, []uint64{5, 3}, "not above"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRaw(t, func(cfg *Config) { cfg.Client = c.client })
			for i, id := range c.ids {
				f := fOpen(id, flFin, frame.Open{})
				if i == len(c.ids)-1 && c.bad != "" {
					r.bad(c.bad, f)
				} else {
					r.ok(f)
				}
			}
		})
	}
}

// TestIDsGivenOut: ours are in order in the log, and none is used twice.
func TestIDsGivenOut(t *testing.T) {
	for _, client := range []bool{true, false} {
		r := newRaw(t, func(c *Config) { c.Client = client })
		want := uint64(2)
		if client {
			want = 1
		}
		for i := range 10 {
			st, err := r.OpenStream(t.Context(), &Open{}, nil)
			if err != nil || st.ID() != want+uint64(2*i) || !st.Opened() {
				t.Fatalf("open %d: %v, %v", i, st.ID(), err)
			}
			st.Reset(frame.Aborted, "")
		}
	}
}

// TestReusedID: an id that has ended cannot be opened again, refused or not.
func TestReusedID(t *testing.T) {
	r := newRaw(t, smallLimits)
	r.ok(fOpen(1, flFin, frame.Open{}))
	r.acc.streams[0].Close()
	r.want("DATA 1 FIN 0")
	r.bad("not above", fOpen(1, flFin, frame.Open{}))
	r.ok(fOpen(3, flFin, frame.Open{Kind: frame.KindCall, Parent: 1}))
	r.want("RESET 3 NotFound")
	r.bad("not above", fOpen(3, flFin, frame.Open{}))
}

// TestUnknownID: frames for ids that were never opened, of either side.
func TestUnknownID(t *testing.T) {
	for _, f := range []rawFrame{fData(7, flEarly, 1), fData(8, flFin, 0), fCredit(7, 1), fCredit(8, 1), fReset(7, 0), fReset(8, 0), fStop(7, 0), fStop(8, 0)} {
		r := newRaw(t, nil)
		r.ok(fOpen(5, 0, frame.Open{}))
		r.bad("never opened", f)
	}
	r := newRaw(t, func(c *Config) { c.NoFirst = true })
	r.bad("never opened", fData(0, flEarly, 1))
}

// TestParents: what may be opened under what.
func TestParents(t *testing.T) {
	for _, c := range []struct {
		name string
		o    frame.Open
		bad  string // protocol error
		sent string
	}{
		{"call under a stream of the opener's", frame.Open{Kind: frame.KindCall, Parent: 1}, "", ""},
		{"call under a stream of ours", frame.Open{Kind: frame.KindCall, Parent: 2}, "", ""},
		{"message under a stream", frame.Open{Kind: frame.KindMessage, Parent: 1}, "", ""},
		{"streaming call under a stream", frame.Open{Kind: frame.KindStreamingCall, Parent: 1}, "", ""},
		{"stream under a stream", frame.Open{Kind: frame.KindStream, Parent: 1}, "", "RESET 9 InvalidArgument"},
		{"under an ended stream", frame.Open{Kind: frame.KindCall, Parent: 3}, "", "RESET 9 NotFound"},
		{"under a call", frame.Open{Kind: frame.KindCall, Parent: 5}, "", "RESET 9 NotFound"},
		{"under a streaming call", frame.Open{Kind: frame.KindCall, Parent: 7}, "", "RESET 9 NotFound"},
		{"under itself", frame.Open{Kind: frame.KindCall, Parent: 9}, "never opened", ""},
		{"under what comes later", frame.Open{Kind: frame.KindCall, Parent: 11}, "never opened", ""},
		{"under what we have not opened", frame.Open{Kind: frame.KindCall, Parent: 4}, "never opened", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRaw(t, nil)
			if _, err := r.OpenStream(t.Context(), &Open{}, nil); err != nil {
				t.Fatal(err)
			}
			r.ok(fOpen(1, 0, frame.Open{}), fOpen(3, 0, frame.Open{}), fReset(3, frame.Aborted), fOpen(5, flFin, frame.Open{Kind: frame.KindCall}), fOpen(7, 0, frame.Open{Kind: frame.KindStreamingCall}))
			r.take()
			if c.bad != "" {
				r.bad(c.bad, fOpen(9, flFin, c.o))
				return
			}
			r.ok(fOpen(9, flFin, c.o))
			if c.sent != "" {
				r.want(c.sent)
			} else {
				r.wantIdle()
			}
		})
	}
}

func TestDepth(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, flFin, frame.Open{Kind: frame.KindCall, Depth: MaxDepth}))
	r.bad("depth 17", fOpen(3, flFin, frame.Open{Kind: frame.KindCall, Depth: MaxDepth + 1}))
	for _, c := range []struct {
		depth uint8
		ok    bool
	}{{MaxDepth, true}, {MaxDepth + 1, false}} {
		err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Depth: c.depth}, nil)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, frame.ResourceExhausted) {
			t.Errorf("depth %d: %v", c.depth, err)
		}
	}
}

// TestOpenChecks: what the wire cannot carry is refused here, and nothing is sent.
func TestOpenChecks(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		name   string
		stream bool
		o      Open
		size   int
		code   frame.Code
	}{
		{"name", true, Open{Name: long}, 0, frame.InvalidArgument},
		{"metadata too long", true, Open{Metadata: make([]byte, frame.MaxMetadata+1)}, 0, frame.InvalidArgument},
		{"metadata that is none", false, Open{Kind: frame.KindCall, Metadata: []byte{1}}, 0, frame.InvalidArgument},
		{"void", false, Open{Kind: frame.KindVoid}, 0, frame.InvalidArgument},
		{"no kind", false, Open{Kind: 77}, 0, frame.InvalidArgument},
		{"call as a stream", true, Open{Kind: frame.KindCall}, 0, frame.InvalidArgument},
		{"stream as a call", false, Open{Kind: frame.KindStream}, 0, frame.InvalidArgument},
		{"stream under a stream", true, Open{Parent: 1}, 0, frame.InvalidArgument},
		{"unknown parent", false, Open{Kind: frame.KindCall, Parent: 99}, 0, frame.InvalidArgument},
		{"body over the peer's limit", false, Open{Kind: frame.KindCall}, 4<<20 + 1, frame.ResourceExhausted},
		{"first bytes over a frame", true, Open{}, 64 << 10, frame.InvalidArgument},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRaw(t, nil)
			r.ok(fOpen(1, 0, frame.Open{}))
			var err error
			if c.stream {
				_, err = r.OpenStream(t.Context(), &c.o, make([]byte, c.size))
			} else {
				err = r.Start(t.Context(), &Exchange{}, &c.o, make([]byte, c.size))
			}
			var se *StreamError
			if !errors.As(err, &se) || se.Code != c.code || se.Remote {
				t.Errorf("error is %v, want %v", err, c.code.Name())
			}
			r.wantIdle()
		})
	}
}
