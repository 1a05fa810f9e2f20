package mux

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// labelled returns metadata that makes n bytes with a name of one byte.
func labelled(n int) []byte {
	if n < 5 {
		return nil
	}
	return frame.AppendMetadata(nil, "k", make([]byte, n-5))
}

const wholeLabel = 8 << 10 // a power of 2, so that some of them are the limit

// labelSteps opens as many exchanges of a kind as their labels allow, and then more. The other side lets pass that many.
func labelSteps() (steps []depthStep) {
	for range 1 << 20 / wholeLabel {
		steps = append(steps, depthStep{depth: 0, goes: true})
	}
	steps = append(steps, depthStep{depth: 0})
	for depth := uint8(1); depth <= MaxDepth; depth++ {
		steps = append(steps, depthStep{depth: depth, goes: true}, depthStep{depth: depth})
	}
	return append(steps, depthStep{depth: 0})
}

// TestLabels: names and metadata of what is open have a limit, beside which there is room for one of each depth. An open
// without any does not wait.
func TestLabels(t *testing.T) {
	for _, kind := range []frame.Kind{frame.KindCall, frame.KindNotify, frame.KindMessage, frame.KindUnackedMessage} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, nil)
				r.l.limit = 16 << 20
				for i, step := range labelSteps() {
					o := Open{Kind: kind, Depth: step.depth, NoWait: true, Name: "n", Metadata: labelled(wholeLabel)}
					err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &o, nil)
					if step.goes != (err == nil) || err != nil && !errors.Is(err, ErrWouldWait) {
						t.Errorf("open %d, %+v: %v", i, step, err)
					}
				}
				if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: kind, NoWait: true}, nil); err != nil {
					t.Errorf("without a label: %v", err)
				}
				r.take()
				r.HandleClose(nil)
			})
		})
	}
}

// TestPeerLabels: the peer has the same, and is refused beyond it.
func TestPeerLabels(t *testing.T) {
	for _, c := range []struct {
		kind  frame.Kind
		limit int
	}{{frame.KindCall, 1 << 20}, {frame.KindNotify, 1 << 20}, {frame.KindStreamingCall, 1 << 20}, {frame.KindMessage, 1 << 20}, {frame.KindStream, 2 << 20}} {
		t.Run(c.kind.String(), func(t *testing.T) {
			r := newRaw(t, nil)
			open := func(id uint64, depth uint8, md []byte) (refused bool) {
				r.ok(fOpen(id, flFin, frame.Open{Kind: c.kind, Depth: depth, Metadata: md}))
				for _, f := range r.take() {
					if m, err := frame.ParseReset(f.p); f.h.Type == frame.TypeReset && err == nil {
						refused = true
						if m.Code != frame.ResourceExhausted || !strings.Contains(m.Text, fmt.Sprintf("names and metadata of what is open are over %d bytes", c.limit)) {
							t.Errorf("refused with %v %q", m.Code, m.Text)
						}
					}
				}
				return refused
			}
			id, n := uint64(1), 0
			next := func(md []byte) bool { id += 2; return open(id-2, 0, md) }
			for n < 1000 && !next(labelled(wholeLabel)) {
				n++
			}
			free := MaxDepth * maxLabel
			if c.kind == frame.KindStream {
				free = 0
			}
			if want := (c.limit + free) / wholeLabel; n != want {
				t.Errorf("%d opens passed, want %d", n, want)
			}
			if !next(labelled(wholeLabel)) {
				t.Error("another one passed")
			}
			end := func(x entry) { // both directions
				switch x := x.(type) {
				case *Incoming:
					x.Reply(t.Context(), nil, nil)
				case *Stream:
					x.Close()
				}
				r.take()
			}
			var all []entry
			for _, x := range r.acc.incoming {
				all = append(all, x)
			}
			for _, st := range r.acc.streams {
				all = append(all, st)
			}
			end(all[0])
			if next(labelled(wholeLabel)) {
				t.Error("what has ended still counts")
			}
			for _, x := range all[1:] {
				end(x)
			}
			for _, x := range r.acc.incoming {
				x.Reply(t.Context(), nil, nil)
			}
			for _, st := range r.acc.streams {
				st.Close()
			}
			r.take()
			checkRaw(t, r)
		})
	}
}

// TestLabelsWait: who waits for the labels of others goes on in turn as these end, a smaller one too when one before it
// has given up. Streams wait as long as for anything.
func TestLabelsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		r.l.limit = 16 << 20
		var done []string
		start := func(ctx context.Context, name string, depth uint8, n int) {
			go func() {
				o := Open{Kind: frame.KindCall, Depth: depth, Name: "n", Metadata: labelled(n)}
				if err := r.Start(ctx, &Exchange{Sink: make(waitSink, 1)}, &o, nil); err == nil {
					done = append(done, name)
				}
			}()
			synctest.Wait()
		}
		want := func(names string) {
			t.Helper()
			synctest.Wait()
			if got := strings.Join(done, " "); got != names {
				t.Errorf("%q have gone, want %q", got, names)
			}
			done = nil
		}
		for range 1 << 20 / wholeLabel { // ids 2, 4, ...
			start(t.Context(), "x", 0, wholeLabel)
		}
		done = nil
		ctx, cancel := context.WithCancel(t.Context())
		start(ctx, "large", 0, wholeLabel)
		start(t.Context(), "small", 0, 100)
		start(t.Context(), "deep", 1, wholeLabel)
		start(t.Context(), "deep2", 1, wholeLabel)
		want("deep")
		r.take()
		r.ok(fHead(2, flFin, frame.Head{}, 0))
		want("deep2") // what is deeper comes first
		r.ok(fHead(4, flFin, frame.Head{}, 0))
		want("large")
		start(ctx, "large", 0, wholeLabel-50)
		r.ok(fHead(6, flFin, frame.Head{}, 0))
		want("small")
		cancel()
		synctest.Wait()
		start(t.Context(), "small", 0, 100)
		want("small")

		timed := func(wantErr bool) {
			t.Helper()
			if _, err := r.OpenStream(t.Context(), &Open{Name: "n", Metadata: labelled(wholeLabel)}, nil); (err == ErrOpenTimeout) != wantErr {
				t.Error(err)
			}
		}
		for range 2 << 20 / wholeLabel {
			timed(false)
			for _, f := range r.take() {
				if f.h.Type == frame.TypeOpen {
					r.ok(fCredit(f.h.ID, 0))
				}
			}
		}
		timed(true)
		r.HandleClose(nil)
		synctest.Wait()
	})
}

// TestLabelsAgree: however calls and messages of all depths and sizes come and go, the receiver has room for what the sender
// sends.
func TestLabelsAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, nil)
		c.l.limit = 8 << 20
		s.acc.fn = func(x *Incoming) { go func() { _ = x.Reply(context.Background(), nil, nil) }() }
		var wg sync.WaitGroup
		for worker := range uint64(800) {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(worker, 1))
				for range 20 {
					o := Open{Kind: frame.KindCall, Depth: uint8(rnd.IntN(4) * rnd.IntN(6)), Name: "n", Metadata: labelled(rnd.IntN(8000))}
					if worker%2 == 0 {
						o.Kind = frame.KindMessage
					}
					if !served(t, c, &o) {
						return
					}
				}
			})
		}
		wg.Wait()
		checkIdle(t, c, s)
	})
}
