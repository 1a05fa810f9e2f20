package mux

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// newFull returns a scripted session with an accepted stream, granted 1 GiB, and a log that is full because
// the peer has acknowledged nothing.
func newFull(t *testing.T) (*raw, *Stream) {
	t.Helper()
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{}), fCredit(1, 1<<30))
	st := r.acc.streams[0]
	st.Accept()
	r.want("CREDIT 1 0")
	r.l.noAck = true
	r.l.end += uint64(r.l.limit)
	r.l.sent = r.l.end
	return r, st
}

// ack makes room.
func (r *raw) ack() {
	r.l.Lock()
	r.l.noAck, r.l.acked = false, r.l.end
	r.l.Unlock()
}

// TestFullControl: what frees memory or ends streams goes out although the log is full.
func TestFullControl(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, r *raw, st *Stream)
		want []string
	}{
		{"CREDIT", func(t *testing.T, r *raw, st *Stream) { go st.Read(make([]byte, 1)) }, []string{"CREDIT 1 262144"}},
		{"RESET", func(t *testing.T, r *raw, st *Stream) { st.Reset(frame.Aborted, "") }, []string{"RESET 1 Aborted"}},
		{"STOP", func(t *testing.T, r *raw, st *Stream) { st.CloseRead() }, []string{"STOP 1 OK"}},
		{"FIN and STOP", func(t *testing.T, r *raw, st *Stream) { st.Close() }, []string{"STOP 1 OK", "DATA 1 FIN 0"}},
		{"answer to STOP", func(t *testing.T, r *raw, st *Stream) { r.ok(fStop(1, frame.OK)) }, []string{"DATA 1 FIN 0"}},
		{"answer to RESET", func(t *testing.T, r *raw, st *Stream) { r.ok(fReset(1, frame.Aborted)) }, []string{"DATA 1 FIN 0"}},
		{"CloseWrite", func(t *testing.T, r *raw, st *Stream) {
			if err := st.CloseWrite(); err != nil {
				t.Error(err)
			}
		}, []string{"DATA 1 FIN 0"}},
		{"cancelled call", func(t *testing.T, r *raw, st *Stream) {
			r.ok(fOpen(3, flFin, frame.Open{Kind: frame.KindCall}), fReset(3, frame.Canceled))
			r.acc.cancelled[0].Reply(t.Context(), nil, nil)
		}, []string{"DATA 3 FIN 0"}},
		{"refused open", func(t *testing.T, r *raw, st *Stream) { r.ok(fOpen(3, flFin, frame.Open{Parent: 1})) }, []string{"RESET 3 InvalidArgument"}},
		{"drain", func(t *testing.T, r *raw, st *Stream) { r.Drain(frame.Drain{Code: frame.Unavailable}) }, []string{"DRAIN 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, st := newFull(t)
				done := make(chan struct{})
				go func() { defer close(done); c.do(t, r, st) }()
				synctest.Wait()
				r.want(c.want...)
				r.HandleClose(nil)
				<-done
			})
		})
	}
}

// TestFullReserve: even control stops in the end, and goes on when there is room.
func TestFullReserve(t *testing.T) {
	r, _ := newFull(t)
	text := strings.Repeat("x", 1000)
	for i := range uint64(1000) {
		r.ok(fOpen(3+2*i, flFin, frame.Open{}))
		r.acc.streams[1+i].Reset(frame.Aborted, text)
	}
	b, waiting := r.flush()
	if !waiting || len(b) > controlReserve+2000 {
		t.Errorf("%d bytes of control are sent, waiting: %v", len(b), waiting)
	}
	for range 2 { // state, not bytes
		if err := r.acc.streams[0].CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.acc.streams[0].Write([]byte("x")); err != errWriteClosed {
		t.Errorf("write after an end that is owed: %v", err)
	}
	r.ack()
	r.take()
	if r.out.debts.head != nil || r.Count() != 1 {
		t.Errorf("%d streams are left", r.Count()-1)
	}
}

// waits are the operations that need room for more than a little.
var waits = map[string]func(ctx context.Context, r *raw, st *Stream) error{
	"open": func(ctx context.Context, r *raw, _ *Stream) error {
		_, err := r.OpenStream(ctx, &Open{Name: "n"}, make([]byte, 9<<10))
		return err
	},
	"start": func(ctx context.Context, r *raw, _ *Stream) error {
		return r.Start(ctx, &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 9<<10))
	},
	"start large": func(ctx context.Context, r *raw, _ *Stream) error {
		return r.Start(ctx, &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 80<<10))
	},
	"reply": func(ctx context.Context, r *raw, _ *Stream) error {
		return r.acc.incoming[0].Reply(ctx, nil, make([]byte, 9<<10))
	},
	"reply large": func(ctx context.Context, r *raw, _ *Stream) error {
		return r.acc.incoming[0].Reply(ctx, nil, make([]byte, 80<<10))
	},
	"write": func(ctx context.Context, r *raw, st *Stream) error {
		defer context.AfterFunc(ctx, func() { st.SetWriteDeadline(time.Now()) })()
		_, err := st.Write(make([]byte, 9<<10))
		return err
	},
}

// TestFullWaits: writers wait for room; each goes on when there is some, and gives up at its context or a close, leaving
// nothing.
func TestFullWaits(t *testing.T) {
	for name, op := range waits {
		for _, end := range []string{"context", "close", "room", "context with room"} {
			t.Run(name+", "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r, st := newFull(t)
					r.ok(fOpen(3, flFin, frame.Open{Kind: frame.KindCall}))
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					errc := make(chan error, 1)
					go func() { errc <- op(ctx, r, st) }()
					synctest.Wait()
					r.flush()
					synctest.Wait()
					if len(errc) != 0 {
						t.Fatalf("it did not wait: %v", <-errc)
					}
					switch end {
					case "context":
						cancel()
						if err := <-errc; !errors.Is(err, context.Canceled) && !errors.Is(err, os.ErrDeadlineExceeded) {
							t.Error(err)
						}
						r.ack()
					case "close":
						r.HandleClose(net.ErrClosed)
						if err := <-errc; !errors.Is(err, net.ErrClosed) && !strings.HasPrefix(name, "start large") {
							t.Error(err)
						}
					case "context with room": // either may win, both at once
						r.ack()
						r.l.Lock()
						cancel()
						r.Fill()
						r.l.Unlock()
						synctest.Wait()
						r.take()
					case "room":
						r.ack()
						for len(errc) == 0 {
							sent := r.take()
							if slices.ContainsFunc(sent, func(f rawFrame) bool { return f.h.Flags&flBlock != 0 }) {
								r.ok(fCredit(sent[0].h.ID, 1<<20))
							}
							synctest.Wait()
						}
						if err := <-errc; err != nil {
							t.Error(err)
						}
					}
					r.take()
					if r.out.reserved != 0 || !r.out.roomWait.empty() || end != "close" && !r.out.ring.empty() || len(r.pools.flows[1]) > 0 {
						t.Errorf("%d bytes of room stay reserved, or somebody still waits", r.out.reserved)
					}
					if end == "context" && (r.opens.unconfirmed != 0 || r.opens.slots.get(newKey(0, 0, 0)).used != 0) {
						t.Error("an open that failed keeps its place or slot")
					}
				})
			})
		}
	}
}

// TestFullDeadline: a write deadline fires while the peer acknowledges nothing; n tells what went out.
func TestFullDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, st := newFull(t)
		r.l.limit += 100 << 10
		st.SetWriteDeadline(time.Now().Add(time.Minute))
		began := time.Now()
		n, err := st.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if b, _ := r.flush(); n != len(b)-2*frame.HeaderLen || n < 64<<10 {
			t.Errorf("%d bytes were written, %d are in the log", n, len(b))
		}
		if n, err := st.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a deadline that has passed lets a write go on:", n, err)
		}
		st.SetWriteDeadline(time.Time{})
		r.ack()
		r.take()
		if n, err := st.Write([]byte("x")); n != 1 || err != nil {
			t.Error("a deadline that was cleared stops a write:", n, err)
		}
	})
}

// TestSmallLog: a log smaller than a frame slows down, it does not stop anything.
func TestSmallLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, func(c, s *Config) { c.Local.Log, s.Local.Log = frame.MinMaxPayload, frame.MinMaxPayload })
		c.l.limit, s.l.limit = frame.MinMaxPayload, frame.MinMaxPayload
		meta := frame.AppendMetadata(nil, "k", make([]byte, 8000))
		for _, n := range []int{0, 9 << 10, 20 << 10, 64 << 10, 200 << 10} {
			x, err := call(t.Context(), c.Session, &Open{Kind: frame.KindCall, Name: strings.Repeat("m", 255), Metadata: meta}, make([]byte, n))
			if err != nil || x.Err != nil || len(x.Body) != n {
				t.Fatalf("%d bytes: %v, %v, %d come back", n, err, x.Err, len(x.Body))
			}
		}
		checkIdle(t, c, s)
	})
}
