package mux

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestEarlyAfterGrant: early bytes that come after a grant belong to it.
func TestEarlyAfterGrant(t *testing.T) {
	r := newRaw(t, nil)
	r.accepted(1, 2000, 500)
	r.ok(fData(1, flEarly, 500))
	if r.l.freed[1] != 1000 {
		t.Errorf("%d bytes are released, want 1000", r.l.freed[1])
	}
}

// TestGrantComesLate: a body that is given up while its grant is on the way keeps nothing of it.
func TestGrantComesLate(t *testing.T) {
	for _, end := range []rawFrame{fReset(1, frame.Canceled), fData(1, flEarly|flFin, 5)} {
		r := newRaw(t, nil)
		r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Size: 10, Body: make([]byte, 5)}))
		x := r.acc.incoming[0]
		x.asm.asked = true
		granted := r.budget.ask(x.asm)
		r.ok(end)
		giveGrants(granted)
		if errs := idleBudget(r.Session); len(errs) > 0 {
			t.Error(errs)
		}
		x.Dispatched()
		x.Reply(t.Context(), nil, nil)
		r.take()
		checkRaw(t, r)
	}
}

// readHook calls hook before its second Read.
type readHook struct {
	parts [][]byte
	hook  func()
}

func (h *readHook) Read(p []byte) (int, error) {
	if len(h.parts) == 0 {
		return 0, io.EOF
	}
	if h.hook != nil && len(h.parts) == 1 {
		h.hook()
		h.hook = nil
	}
	n := copy(p, h.parts[0])
	if h.parts[0] = h.parts[0][n:]; len(h.parts[0]) == 0 {
		h.parts = h.parts[1:]
	}
	return n, nil
}

// TestGrantWhileReading: the grant comes while a frame is being read to where it belongs. The same for a body that is
// given up then, and for a frame that is torn.
func TestGrantWhileReading(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 10000)
	for _, name := range []string{"granted", "torn", "given up"} {
		t.Run(name, func(t *testing.T) {
			r := newRaw(t, nil)
			r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Size: uint32(len(want)), Body: want[:40960]}), mk(frame.TypeData, 1, flEarly, want[40960:41060]))
			x := r.acc.incoming[0]
			x.asm.setLocked(slices.Grow(x.asm.buf, 9000))
			b := mk(frame.TypeData, 1, flEarly, want[41060:50060]).bytes()
			src := &readHook{[][]byte{b[:20], b[20:]}, x.Want}
			switch name {
			case "torn":
				src.parts[1] = src.parts[1][:5000]
			case "given up":
				src.hook = func() { x.TryReply(nil, nil) }
			}
			fr := frame.NewReader(src, frame.DefaultMaxPayload)
			h, err := fr.Next()
			if err != nil {
				t.Fatal(err)
			}
			if err = r.HandleFrame(h, fr); (err != nil) != (name == "torn") {
				t.Fatal(err)
			}
			rest := mk(frame.TypeData, 1, flFin, want[50060:])
			if name == "torn" {
				r.ok(mk(frame.TypeData, 1, flEarly, want[41060:50060]))
			}
			r.ok(rest)
			if name != "given up" && !bytes.Equal(x.Body, want) {
				t.Errorf("%d bytes, or wrong ones", len(x.Body))
			}
			x.Reply(t.Context(), nil, nil)
			r.take()
			checkRaw(t, r)
		})
	}
}
