package mux

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestDataAfterEnd feeds frames of the peer's direction after its end, for every kind of entry. After FIN
// they are an error, after RESET they are dropped (PROTOCOL.md, stream states).
func TestDataAfterEnd(t *testing.T) {
	open := fOpen(1, 0, frame.Open{})
	call := fOpen(1, 0, frame.Open{Kind: frame.KindCall})
	refused := fOpen(3, flFin, frame.Open{Kind: frame.KindStream, Parent: 1})
	for _, c := range []struct {
		name    string
		ended   []rawFrame
		dropped bool
	}{
		{"stream, FIN in OPEN", []rawFrame{fOpen(1, flFin, frame.Open{})}, false},
		{"stream, FIN", []rawFrame{open, fData(1, flFin, 0)}, false},
		{"stream, FIN with data", []rawFrame{open, fData(1, flFin|flEarly, 9)}, false},
		{"stream, RESET", []rawFrame{open, fReset(1, frame.Aborted)}, true},
		{"stream, FIN and RESET", []rawFrame{open, fData(1, flFin, 0), fReset(1, frame.Aborted)}, true},
		{"first stream, FIN", []rawFrame{fData(0, flFin|flEarly, 3)}, false},
		{"first stream, RESET", []rawFrame{fReset(0, frame.Aborted)}, true},
		{"call, FIN in OPEN", []rawFrame{fOpen(1, flFin, frame.Open{Kind: frame.KindCall})}, false},
		{"call, FIN", []rawFrame{call, fData(1, flEarly|flFin, 9)}, false},
		{"call, RESET", []rawFrame{call, fReset(1, frame.Canceled)}, true},
		{"refused, FIN in OPEN", []rawFrame{open, refused}, false},
		{"refused, RESET", []rawFrame{open, refused, fReset(3, frame.Canceled)}, true},
	} {
		for name, f := range map[string]rawFrame{"data": fData(0, flEarly, 1), "FIN": fData(0, flFin, 0), "BLOCKED": fData(0, flBlock, 0)} {
			t.Run(c.name+", then "+name, func(t *testing.T) {
				r := newRaw(t, nil)
				r.ok(c.ended...)
				ready, in := len(r.acc.ready), r.peer.earlyIn
				f.h.ID = c.ended[len(c.ended)-1].h.ID
				switch err := r.feed(f); {
				case c.dropped && err != nil:
					t.Error(err)
				case !c.dropped && (err == nil || !strings.Contains(err.Error(), "after FIN")):
					t.Errorf("error is %v", err)
				case len(r.acc.ready) > ready || r.peer.earlyIn != in:
					t.Error("it was taken")
				}
			})
		}
	}
}

// TestAnswerAfterEnd is the same for the answer of an exchange whose body is still being sent, so that its
// entry is still there.
func TestAnswerAfterEnd(t *testing.T) {
	for name, end := range map[string]rawFrame{
		"FIN":   fHead(2, flFin|flEarly, frame.Head{}, 5),
		"bare":  fData(2, flFin, 0),
		"RESET": fReset(2, frame.Aborted),
	} {
		for after, f := range map[string]rawFrame{"data": fData(2, flEarly, 5), "FIN": fData(2, flFin, 0), "HEAD": fHead(2, flFin, frame.Head{}, 0)} {
			t.Run(name+", then "+after, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRaw(t, nil)
					r.l.limit = 100 << 10
					r.l.noAck = true
					done := make(waitSink, 1)
					errc := make(chan error, 1)
					go func() {
						errc <- r.Start(t.Context(), &Exchange{Sink: done}, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 1<<20))
					}()
					synctest.Wait()
					r.take()
					// An error, unless Start has ended its direction in between.
					if err := r.feed(end, f); err != nil && (name == "RESET" || !strings.Contains(err.Error(), "after FIN")) {
						t.Errorf("error is %v", err)
					}
					<-done
					if err := <-errc; err != nil {
						t.Errorf("Start of an answered exchange: %v", err)
					}
				})
			})
		}
	}
}

// TestHalfClose runs every order in which the two sides may end their directions, and what each then sees.
func TestHalfClose(t *testing.T) {
	type step func(a, b *Stream) error
	steps := map[string]step{
		"CloseWrite": func(a, _ *Stream) error { return a.CloseWrite() },
		"CloseRead":  func(a, _ *Stream) error { return a.CloseRead() },
		"Close":      func(a, _ *Stream) error { return a.Close() },
		"Reset":      func(a, _ *Stream) error { return a.Reset(frame.Aborted, "x") },
	}
	for na, fa := range steps {
		for nb, fb := range steps {
			for _, settle := range []bool{false, true} {
				name := na + " then " + nb + map[bool]string{true: " later"}[settle]
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						c, s := newPair(t, nil)
						a, b := openPair(t, c, s)
						if _, err := a.Write([]byte("hello")); err != nil {
							t.Fatal(err)
						}
						if err := fa(a, b); err != nil {
							t.Error(err)
						}
						if settle {
							synctest.Wait()
						}
						if err := fb(b, a); err != nil {
							t.Errorf("%s after the peer's %s: %v", nb, na, err)
						}
						synctest.Wait()
						a.Close()
						b.Close()
						synctest.Wait()
						<-a.Done()
						<-b.Done()
						checkIdle(t, c, s)
					})
				})
			}
		}
	}
}

// TestErrorsAfterEnd checks which error each operation gives after each way to end.
func TestErrorsAfterEnd(t *testing.T) {
	isReset := func(remote bool) func(error) bool {
		return func(err error) bool {
			var se *StreamError
			return errors.As(err, &se) && se.Remote == remote && se.Code == frame.Aborted
		}
	}
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for _, c := range []struct {
		name                    string
		do                      func(a *Stream)
		read, write             func(error) bool // of a
		peerRead, peerWrite     func(error) bool
		closeWrite, closeWriteB func(error) bool
	}{
		{"CloseWrite", func(a *Stream) { a.CloseWrite() }, nil, is(net.ErrClosed), is(io.EOF), nil, is(nil), is(nil)},
		{"CloseRead", func(a *Stream) { a.CloseRead() }, is(net.ErrClosed), nil, is(io.EOF), is(net.ErrClosed), is(nil), is(nil)},
		{"Close", func(a *Stream) { a.Close() }, is(net.ErrClosed), is(net.ErrClosed), is(io.EOF), is(net.ErrClosed), is(net.ErrClosed), is(nil)},
		{"Reset", func(a *Stream) { a.Reset(frame.Aborted, "x") }, isReset(false), isReset(false), isReset(true), isReset(true), isReset(false), is(nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s1, s2 := newPair(t, nil)
				a, b := openPair(t, s1, s2)
				c.do(a)
				synctest.Wait()
				check := func(what string, want func(error) bool, err error) {
					t.Helper()
					if want != nil && !want(err) {
						t.Errorf("%s: %v", what, err)
					}
				}
				buf := make([]byte, 10)
				try := func(what string, want func(error) bool, f func([]byte) (int, error)) {
					t.Helper()
					if want != nil {
						_, err := f(buf)
						check(what, want, err)
					}
				}
				try("read", c.read, a.Read)
				try("write", c.write, a.Write)
				try("peer's write", c.peerWrite, b.Write)
				check("CloseWrite", c.closeWrite, a.CloseWrite())
				synctest.Wait()
				try("peer's read", c.peerRead, b.Read)
				check("peer's CloseWrite", c.closeWriteB, b.CloseWrite())
				a.Close()
				b.Close()
				synctest.Wait()
				checkIdle(t, s1, s2)
			})
		})
	}
}

// TestCloseWriteWhenStopped: the result does not depend on whether the FIN that answers a STOP has gone out.
func TestCloseWriteWhenStopped(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{}))
	st := r.acc.streams[0]
	st.Accept()
	r.want("CREDIT 1 0")
	r.ok(fStop(1, frame.OK))
	if err := st.CloseWrite(); err != nil {
		t.Fatalf("before the FIN: %v", err)
	}
	r.want("DATA 1 FIN 0")
	if err := st.CloseWrite(); err != nil {
		t.Fatalf("after the FIN: %v", err)
	}
}

// TestOwedNoMore: STOP is not sent when the peer's end has come meanwhile, the confirmation is.
func TestOwedNoMore(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{}), fOpen(3, flFin, frame.Open{}))
	r.acc.streams[0].Close()
	r.acc.streams[1].Accept()
	r.ok(fData(1, flFin, 0))
	r.want("DATA 1 FIN 0", "CREDIT 3 0")
}

// TestTorn cuts every frame of a conversation short: the session must be as it was.
func TestTorn(t *testing.T) {
	body := make([]byte, 20<<10)
	for _, c := range []struct {
		name   string
		before []rawFrame
		f      rawFrame
	}{
		{"open", nil, fOpen(1, 0, frame.Open{Body: body})},
		{"open call", nil, fOpen(1, flFin, frame.Open{Kind: frame.KindCall, Body: body})},
		{"data small", []rawFrame{fOpen(1, 0, frame.Open{})}, fData(1, flEarly|flFin, 100)},
		{"data large", []rawFrame{fOpen(1, 0, frame.Open{})}, fData(1, flEarly|flFin, 20<<10)},
		{"call data", []rawFrame{fOpen(1, 0, frame.Open{Kind: frame.KindCall})}, fData(1, flEarly|flFin, 20<<10)},
		{"message data", []rawFrame{fOpen(1, 0, frame.Open{Kind: frame.KindMessage})}, fData(1, flEarly|flFin, 100)},
		{"reset", []rawFrame{fOpen(1, 0, frame.Open{})}, fReset(1, frame.Aborted)},
		{"stop", []rawFrame{fOpen(1, 0, frame.Open{})}, fStop(1, frame.Aborted)},
		{"credit", []rawFrame{fOpen(1, 0, frame.Open{})}, fCredit(1, 5)},
		{"first", nil, fData(0, flEarly|flFin, 9000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, cut := range []int{1, 5, len(c.f.p) / 2, len(c.f.p)} {
				r := newRaw(t, nil)
				r.ok(c.before...)
				r.take()
				earlyIn, count, last := r.peer.earlyIn, r.Count(), r.peer.lastID.Load()
				b := c.f.bytes()
				if err := r.feedBytes(b[:len(b)-cut]); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("cut by %d: %v", cut, err)
				}
				if r.peer.earlyIn != earlyIn || r.Count() != count || r.peer.lastID.Load() != last || len(r.acc.ready)+len(r.acc.cancelled) != 0 {
					t.Fatalf("a frame cut by %d changed the session", cut)
				}
				r.ok(c.f) // whole again, on the next carrier
			}
		})
	}
}

// TestStrayFin: a Start that gave up leaves nothing that could still end the direction a second time.
func TestStrayFin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		x := &Exchange{Sink: make(waitSink, 1)}
		errc := make(chan error, 1)
		go func() { errc <- r.Start(ctx, x, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 1<<20)) }()
		synctest.Wait()
		r.take()
		cancel()
		if err := <-errc; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		// What the reader does when it had looked x up just before it was replaced.
		r.l.Lock()
		if !x.sentEnd {
			t.Error("a STOP would make the given up exchange send FIN after its RESET")
		}
		r.l.Unlock()
		r.want("RESET 2 Canceled")
		r.ok(fData(2, flFin, 0))
		if r.Count() != 0 {
			t.Error("the slot is not free")
		}
	})
}
