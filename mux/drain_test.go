package mux

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

func fDrain(last uint64) rawFrame {
	return mk(frame.TypeDrain, 0, 0, frame.AppendDrain(nil, &frame.Drain{LastID: last, Code: frame.OK, Text: "bye"}))
}

var errTest = errors.New("the session has ended")

func isUnavailable(err error) bool {
	var se *StreamError
	return errors.As(err, &se) && se.Code == frame.Unavailable && se.Remote
}

// TestDrained: once the peer drains, opens of the End's scope fail at once, those that wait for something
// included; what is open under a stream goes on.
func TestDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallLimits)
		st, err := r.OpenStream(t.Context(), &Open{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		errs := opens(t.Context(), r.Session, 4) // two of them wait for a slot
		full := newRaw(t, backlogOf(1))
		opens(t.Context(), full.Session, 1)
		waiting := opens(t.Context(), full.Session, 3)
		for _, s := range []*raw{r, full} {
			s.ok(fDrain(2), fDrain(2))
			if len(s.acc.drains) != 1 {
				t.Errorf("HandleDrain was called %d times", len(s.acc.drains))
			}
		}
		synctest.Wait()
		refused := 0
		for range 4 {
			if err := <-errs; isUnavailable(err) {
				refused++
			}
		}
		if refused != 2 {
			t.Errorf("%d opens that waited for a slot failed, want 2", refused)
		}
		for range 3 {
			if err := <-waiting; !isUnavailable(err) {
				t.Errorf("an open that waited for the backlog: %v", err)
			}
		}
		if _, err := r.OpenStream(t.Context(), &Open{}, nil); !isUnavailable(err) {
			t.Error(err)
		}
		if err := r.Start(t.Context(), &Exchange{}, &Open{Kind: frame.KindCall}, nil); !isUnavailable(err) {
			t.Error(err)
		}
		if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Parent: st.ID()}, nil); err != nil {
			t.Errorf("a call under a stream: %v", err)
		}
	})
}

// TestDrainedInOrder: an open that waits for room when the peer drains is not appended any more.
func TestDrainedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newFull(t)
		errc := make(chan error, 1)
		go func() {
			errc <- r.Start(t.Context(), &Exchange{}, &Open{Kind: frame.KindCall, Name: "m"}, []byte("x"))
		}()
		synctest.Wait()
		r.ok(fDrain(0))
		if err := <-errc; !isUnavailable(err) || r.out.reserved != 0 { // no ack is needed for that
			t.Errorf("%v, %d bytes stay reserved", err, r.out.reserved)
		}
		r.ack()
		r.wantIdle()
	})
}

// countAcceptor looks at the count while an exchange is being accepted.
type countAcceptor struct {
	Acceptor
	r    *raw
	seen []int
}

func (a *countAcceptor) NewExchange(kind frame.Kind) *Incoming {
	a.seen = append(a.seen, a.r.Count())
	return a.Acceptor.NewExchange(kind)
}

// TestCountBeforeTable: what DRAIN would name as served counts as open before it is in the table. Who drains and waits
// until nothing is open would close too early otherwise, and the answer would be lost.
func TestCountBeforeTable(t *testing.T) {
	r := newRaw(t, nil)
	a := &countAcceptor{Acceptor: r.Session.acc, r: r}
	r.Session.acc = a
	r.ok(fOpen(1, flFin, frame.Open{Kind: frame.KindCall}), fOpen(3, flFin, frame.Open{Kind: frame.KindCall}))
	if len(a.seen) != 2 || a.seen[0] != 1 || a.seen[1] != 2 {
		t.Errorf("%v were open while one was accepted after the other", a.seen)
	}
	if n := r.Count(); n != 2 {
		t.Errorf("%d are open then", n)
	}
}

// TestDrainedNotServed: what the peer says that it does not serve was not sent, whether it is refused one by one or the
// session ends first; what it serves may have been acted on.
func TestDrainedNotServed(t *testing.T) {
	for name, end := range map[string]func(r *raw){
		"refused": func(r *raw) { r.ok(fReset(4, frame.Unavailable), fReset(6, frame.Unavailable)); r.HandleClose(errTest) },
		"ended":   func(r *raw) { r.HandleClose(errTest) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRaw(t, nil)
			first := frame.Open{Kind: frame.KindCall}
			var calls [3]Exchange // of the ids 2, 4 and 6
			for i := range calls {
				calls[i].Sink = make(waitSink, 1)
				o := &Open{Kind: first.Kind, Name: "m"}
				if i == 2 {
					o.Kind = frame.KindMessage
				}
				if err := r.Start(t.Context(), &calls[i], o, nil); err != nil {
					t.Fatal(err)
				}
			}
			r.take()
			r.ok(fDrain(2))
			end(r)
			for i := range calls {
				<-calls[i].Sink.(waitSink)
				if want := i == 0; calls[i].Err == nil || calls[i].Sent != want {
					t.Errorf("exchange %d: %v, sent = %v, want %v", calls[i].ID(), calls[i].Err, calls[i].Sent, want)
				}
			}
		})
	}
}

// TestSentIsWhole: the peer acts on nothing before the whole body has come, so less of it counts as not sent.
func TestSentIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		x := Exchange{Sink: make(waitSink, 1)}
		errc := make(chan error, 1)
		go func() {
			errc <- r.Start(t.Context(), &x, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 256<<10)) // needs credit
		}()
		synctest.Wait()
		if out := r.take(); len(out) == 0 {
			t.Fatal("nothing was sent")
		}
		r.HandleClose(errTest)
		<-x.Sink.(waitSink)
		if err := <-errc; err != nil || x.Err != errTest || x.Sent {
			t.Errorf("Start: %v; the outcome: %v, sent = %v", err, x.Err, x.Sent)
		}
	})
}

// TestDrain: opens above the id that DRAIN names are refused, under streams they are not.
func TestDrain(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(5, 0, frame.Open{}))
	r.Drain(frame.Drain{Code: frame.Unavailable, Text: "later", Addr: "elsewhere"})
	r.Drain(frame.Drain{Code: frame.Unavailable, Text: "again"})
	out := r.take()
	if len(out) != 1 {
		t.Fatalf("sent %v", out)
	}
	if d, err := frame.ParseDrain(out[0].p); err != nil || d.LastID != 5 || d.Text != "later" || d.Addr != "elsewhere" {
		t.Errorf("%+v, %v", d, err)
	}
	r.ok(fOpen(7, flFin, frame.Open{}), fOpen(9, flFin, frame.Open{Kind: frame.KindCall, Parent: 5}), fOpen(11, flFin, frame.Open{Kind: frame.KindMessage}))
	r.want("RESET 7 Unavailable", "RESET 11 Unavailable")
	if len(r.acc.incoming) != 1 || len(r.acc.streams) != 1 {
		t.Error("the wrong ones were accepted")
	}
	r.HandleClose(nil)
	r.Drain(frame.Drain{Code: frame.Unavailable})
	r.wantIdle()
}

// TestDrainNamesAll: whatever is accepted while DRAIN is being appended is covered by the id it names.
func TestDrainNamesAll(t *testing.T) {
	for range 50 {
		r := newRaw(t, nil)
		var wg sync.WaitGroup
		wg.Go(func() { r.Drain(frame.Drain{Code: frame.Unavailable}) })
		for id := uint64(1); id < 20; id += 2 {
			r.ok(fOpen(id, flFin, frame.Open{Kind: frame.KindCall}))
		}
		wg.Wait()
		for _, f := range r.take() {
			if f.h.Type != frame.TypeDrain {
				continue
			}
			d, _ := frame.ParseDrain(f.p)
			for _, x := range r.acc.incoming {
				if x.ID() > d.LastID {
					t.Fatalf("%d runs, but DRAIN says nothing above %d will", x.ID(), d.LastID)
				}
			}
		}
	}
}

// TestCloseStreams: writers stop, what was written arrives, and io.EOF comes only from streams whose writer ended them.
func TestCloseStreams(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(a *Stream) // the writer's side of a stream
		first   bool            // the End's own stream is closed too
		end     error           // what the reader gets after all bytes
		own     error           // and that of the first stream
	}{
		"still written":    {func(*Stream) {}, false, errTest, errTest},
		"first is closed":  {func(*Stream) {}, true, errTest, nil},
		"closed before":    {func(a *Stream) { a.Close() }, true, nil, nil},
		"half-closed":      {func(a *Stream) { a.CloseWrite() }, false, nil, errTest},
		"closed its other": {func(a *Stream) { a.CloseRead() }, false, errTest, errTest},
	} {
		for _, size := range []int{0, 1, 1 << 20} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cl, s := newPair(t, nil)
					a, b := openPair(t, cl, s)
					written := make(chan int, 1)
					go func() {
						n, err := a.Write(make([]byte, size))
						if n < size && err != errClosed && err != errWriteClosed {
							t.Errorf("write: %v", err)
						}
						written <- n
					}()
					synctest.Wait()
					go c.prepare(a)
					synctest.Wait()
					cl.CloseStreams(c.first)
					n := <-written
					synctest.Wait()
					end := c.end
					if name == "half-closed" && n < size {
						end = errTest // CloseWrite was waiting for the Write that CloseStreams has ended
					}
					for e, want := range map[*Stream]error{b: end, s.First(): c.own} {
						done := make(chan error, 1)
						go func() {
							got, err := readAll(e)
							if e == b && got != n {
								t.Errorf("%d bytes were written, %d arrived", n, got)
							}
							done <- err
						}()
						synctest.Wait()
						if want != nil {
							s.HandleClose(errTest)
						}
						if err := <-done; err != want {
							t.Errorf("stream %d ends with %v, want %v", e.ID(), err, want)
						}
					}
					s.HandleClose(errTest)
					cl.HandleClose(errTest)
				})
			})
		}
	}
}

// readAll reads until io.EOF and returns how much.
func readAll(st *Stream) (int, error) {
	n, err := st.WriteTo(discard{})
	return int(n), err
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// TestDrainedScopeWaits: messages to a stream that wait for the link's total of messages still get their turn when the
// peer drains meanwhile.
func TestDrainedScopeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, func(c *Config) { c.Peer.Messages = 1 })
		done := make(chan error, 10)
		start := func(parent uint64) {
			done <- r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindMessage, Parent: parent}, nil)
		}
		for i := range uint64(linkMessages + 1) {
			r.ok(fOpen(1+2*i, 0, frame.Open{}))
			if i < linkMessages {
				start(1 + 2*i)
			}
		}
		for range 3 {
			go start(1 + 2*linkMessages)
		}
		synctest.Wait()
		r.ok(fDrain(0))
		for _, id := range []uint64{2, 2 + 2*linkMessages, 4 + 2*linkMessages} {
			r.take()
			if r.lookup(id) == nil {
				break
			}
			r.ok(fHead(id, flFin, frame.Head{}, 0))
			synctest.Wait()
		}
		if n := len(done); n != linkMessages+3 {
			t.Errorf("%d messages were sent, want %d", n, linkMessages+3)
		}
		r.HandleClose(nil)
		synctest.Wait()
		if n := len(done); n != linkMessages+3 {
			t.Errorf("%d senders are stuck", linkMessages+3-n)
		}
	})
}
