package mux

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

func awaiting(c *Config) { c.AwaitCarrier = true }

// carrier takes the carrier away, or brings one.
func (r *raw) carrier(there bool) {
	r.t.Helper()
	r.l.Lock()
	r.l.away = !there
	r.l.Unlock()
	if there {
		if err := r.HandleReleased([frame.Groups]uint64{}); err != nil {
			r.t.Fatal(err)
		}
	}
	synctest.Wait()
}

// begin begins an open, whose outcome is nil or the error.
func (r *raw) begin(ctx context.Context, o Open) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := r.OpenStream(ctx, &o, nil)
		done <- err
	}()
	synctest.Wait()
	return done
}

// outcome returns what came of an open, and whether it is over.
func outcome(done <-chan error) (err error, over bool) {
	select {
	case err = <-done:
		return err, true
	default:
		return nil, false
	}
}

// TestAwaitCarrier: what is opened in the End's own scope waits for a carrier, and nothing else does.
func TestAwaitCarrier(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config func(*Config)
		open   Open
		waits  bool
	}{
		{"stream", awaiting, Open{Kind: frame.KindStream}, true},
		{"streaming call", awaiting, Open{Kind: frame.KindStreamingCall, Name: "m"}, true},
		{"of a stream", awaiting, Open{Kind: frame.KindStreamingCall, Name: "m", Parent: 1}, false},
		{"cannot wait", awaiting, Open{Kind: frame.KindStream, NoWait: true}, false},
		{"no next session", nil, Open{Kind: frame.KindStream}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, tt.config)
				r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindStream}))
				r.carrier(false)
				done := r.begin(t.Context(), tt.open)
				if _, over := outcome(done); over == tt.waits || r.AwaitsCarrier() != tt.waits {
					t.Fatalf("it is over: %v, something waits: %v", over, r.AwaitsCarrier())
				}
				if !tt.waits {
					return
				}
				r.wantIdle()
				r.carrier(true)
				if err, over := outcome(done); !over || err != nil || r.AwaitsCarrier() {
					t.Fatalf("there is a carrier; it is over: %v, with %v, something waits: %v", over, err, r.AwaitsCarrier())
				}
				if out := r.take(); len(out) != 1 || out[0].h.Type != frame.TypeOpen {
					t.Errorf("sent %v", out)
				}
			})
		})
	}
	t.Run("exchange", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRaw(t, awaiting)
			r.carrier(false)
			x := Exchange{Sink: make(waitSink, 1)}
			if err := r.Start(t.Context(), &x, &Open{Kind: frame.KindCall, Name: "m"}, nil); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestAwaitCarrierEnds: the context and the end of the session end the wait for a carrier.
func TestAwaitCarrierEnds(t *testing.T) {
	for name, end := range map[string]func(r *raw, cancel context.CancelCauseFunc){
		"context": func(_ *raw, cancel context.CancelCauseFunc) { cancel(errTest) },
		"gone":    func(r *raw, _ context.CancelCauseFunc) { r.HandleClose(errTest) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, awaiting)
				r.carrier(false)
				ctx, cancel := context.WithCancelCause(t.Context())
				done := r.begin(ctx, Open{Kind: frame.KindStream})
				end(r, cancel)
				synctest.Wait()
				if err, over := outcome(done); !over || !errors.Is(err, errTest) || r.AwaitsCarrier() {
					t.Errorf("it is over: %v, with %v, something waits: %v", over, err, r.AwaitsCarrier())
				}
				r.carrier(true)
				r.wantIdle()
			})
		})
	}
}

// TestAwaitCarrierAgain: an open that has waited for its slot while the carrier was lost waits for the next one, and
// holds no slot meanwhile.
func TestAwaitCarrierAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, func(c *Config) { c.AwaitCarrier = true; c.Peer.Streams = 1 })
		first, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStream}, nil)
		if err != nil {
			t.Fatal(err)
		}
		done := r.begin(t.Context(), Open{Kind: frame.KindStream})
		r.carrier(false)
		_ = first.Close()
		r.ok(fData(2, flFin, 0))
		r.take() // the end of the first, which frees its slot
		synctest.Wait()
		if _, over := outcome(done); over || !r.AwaitsCarrier() {
			t.Fatal("it does not wait for the carrier")
		}
		if n := r.streamSlots(); n != 0 {
			t.Errorf("%d slots are held by one that waits for the carrier", n)
		}
		r.carrier(true)
		if err, over := outcome(done); !over || err != nil {
			t.Errorf("it is over: %v, with %v", over, err)
		}
	})
}

// streamSlots returns how many slots of streams are held.
func (r *raw) streamSlots() int {
	r.l.Lock()
	defer r.l.Unlock()
	return r.opens.slots.get(keyOf(frame.KindStream, 0, 0)).used
}

// TestAwaitCarrierTimeout: the time that a streaming call has left goes on while it waits.
func TestAwaitCarrierTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, awaiting)
		r.carrier(false)
		r.begin(t.Context(), Open{Kind: frame.KindStreamingCall, Name: "m", Timeout: 10 * time.Second})
		r.begin(t.Context(), Open{Kind: frame.KindStreamingCall, Name: "late", Timeout: time.Second})
		<-time.After(4 * time.Second)
		r.carrier(true)
		for _, f := range r.take() {
			o, err := frame.ParseOpen(f.p)
			if want := map[string]uint32{"m": 6000, "late": 1}[string(o.Name)]; err != nil || o.Timeout != want {
				t.Errorf("%q has %d ms left, want %d", o.Name, o.Timeout, want)
			}
		}
	})
}

// TestNotSent: what becomes of a stream of which the peer never learned, or that it does not serve.
func TestNotSent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		end     func(r *raw, st *Stream)
		notSent bool
		reached bool
	}{
		{"not sent", func(r *raw, _ *Stream) { r.HandleClose(errTest) }, true, false},
		{"sent", func(r *raw, _ *Stream) { r.l.noAck = true; r.take(); r.HandleClose(errTest) }, false, false},
		{"acknowledged", func(r *raw, _ *Stream) { r.take(); r.HandleClose(errTest) }, false, true},
		{"confirmed", func(r *raw, _ *Stream) { r.l.noAck = true; r.take(); r.ok(fCredit(2, 0)); r.HandleClose(errTest) }, false, true},
		{"answered", func(r *raw, _ *Stream) {
			r.l.noAck = true
			r.take()
			r.ok(fData(2, flEarly, 1))
			r.HandleClose(errTest)
		}, false, true},
		{"blocked", func(r *raw, _ *Stream) {
			r.l.noAck = true
			r.take()
			r.ok(fData(2, flBlock, 0))
			r.HandleClose(errTest)
		}, false, true},
		{"stopped", func(r *raw, _ *Stream) {
			r.l.noAck = true
			r.take()
			r.ok(fStop(2, frame.Internal))
			r.HandleClose(errTest)
		}, false, true},
		{"taken up to there", func(r *raw, _ *Stream) {
			r.l.noAck = true
			r.take()
			r.l.sent = 0 // what a lost session's server says
			r.HandleClose(errTest)
		}, true, false},
		{"refused", func(r *raw, _ *Stream) { r.take(); r.ok(fDrain(0), fReset(2, frame.Unavailable)) }, true, true},
		{"drained, then gone", func(r *raw, _ *Stream) {
			r.l.noAck = true
			r.take()
			r.ok(fDrain(0))
			r.HandleClose(errTest)
		}, true, false},
		{"served, then gone", func(r *raw, _ *Stream) {
			r.l.noAck = true
			r.take()
			r.ok(fDrain(2))
			r.HandleClose(errTest)
		}, false, false},
	} {
		for _, kind := range []frame.Kind{frame.KindStream, frame.KindStreamingCall} {
			t.Run(tt.name+"/"+kind.String(), func(t *testing.T) {
				r := newRaw(t, nil)
				st, err := r.OpenStream(t.Context(), &Open{Kind: kind, Name: "m"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if st.Reached() || st.Unsent() {
					t.Errorf("at first: reached %v, unsent %v", st.Reached(), st.Unsent())
				}
				tt.end(r, st)
				if st.Unsent() != tt.notSent || st.Reached() != tt.reached {
					t.Errorf("unsent %v, reached %v", st.Unsent(), st.Reached())
				}
				_, rerr := st.Read(make([]byte, 8))
				if rerr == nil { // the one byte
					_, rerr = st.Read(make([]byte, 8))
				}
				_, werr := st.Write([]byte("x"))
				for what, err := range map[string]error{"Read": rerr, "Write": werr} {
					if got, want := errors.Is(err, ErrNotSent), tt.notSent && kind == frame.KindStream; err == nil || got != want {
						t.Errorf("%s: %v, not sent: %v, want %v", what, err, got, want)
					}
					if tt.notSent && strings.Count(err.Error(), "gantline: ") > 1 {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		}
	}
}

// TestNotSentWhileWriting: whoever waits in Write or Read when the session ends learns it, too.
func TestNotSentWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		st, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStream}, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := make(chan error, 3)
		for range 2 {
			go func() { _, err := st.Write(make([]byte, 1<<20)); all <- err }()
		}
		go func() { _, err := st.Read(make([]byte, 1)); all <- err }()
		synctest.Wait()
		r.HandleClose(io.ErrUnexpectedEOF)
		for range 3 {
			if err := <-all; !errors.Is(err, ErrNotSent) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
		}
	})
}

// TestReachedOfOthers: the peer has what it opened itself, and the first stream.
func TestReachedOfOthers(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindStream}))
	for _, st := range []*Stream{r.First(), r.acc.streams[0]} {
		if !st.Reached() {
			t.Errorf("the peer does not know stream %d", st.ID())
		}
	}
	r.HandleClose(errTest)
	for _, st := range []*Stream{r.First(), r.acc.streams[0]} {
		if !st.Reached() || st.Unsent() {
			t.Errorf("the peer did not know stream %d", st.ID())
		}
	}
}
