package gantline

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutageDrained: what reaches a peer that takes nothing new any more is ErrNotSent, also when this side learns that
// only after an outage.
func TestOutageDrained(t *testing.T) {
	for _, b := range allBegun {
		for _, noFresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, NoFresh %v", b.name, noFresh), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					o := newOutageOf(t, b, Config{NoFresh: noFresh})
					held, err := o.c.OpenStream(t.Context()) // Shutdown waits for it
					must(t, err)
					must(t, echoed(held))
					o.deaf(true)
					go o.ends[0].Shutdown(context.Background())
					synctest.Wait()
					outcome := o.begin(o.c, b)
					o.deaf(false)
					o.cut()
					err = outcome()
					served := int32(1)
					if err == nil && !noFresh { // in the next session
						served = 2
					} else if !b.quiet {
						want(t, err, ErrNotSent, Unavailable)
					}
					synctest.Wait()
					if n := o.served.Load(); n != served {
						t.Errorf("%d were served besides the first", n-1)
					}
				})
			})
		}
	}
}

// TestOutageInside: where nothing can be waited for, a stream is opened in the broken session, and is ErrNotSent when that
// is lost.
func TestOutageInside(t *testing.T) {
	for _, back := range []bool{true, false} {
		t.Run(map[bool]string{true: "back", false: "lost"}[back], func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				o := newOutage(t, begun{})
				o.breaks()
				var st *Stream
				o.c.line.Users.Run(func() { // as a callback is
					at := time.Now()
					var err error
					if st, err = o.c.OpenStream(context.Background()); err != nil || !time.Now().Equal(at) {
						t.Fatalf("%v after %v", err, time.Since(at))
					}
				})
				if st.ReachedPeer() {
					t.Error("nobody has it yet")
				}
				if !back {
					o.stop()
					o.start()
					err := echoed(st)
					want(t, err, ErrNotSent, ErrSessionLost)
					if st.ReachedPeer() {
						t.Error("nobody ever had it")
					}
					return
				}
				o.open()
				must(t, echoed(st))
				if !st.ReachedPeer() {
					t.Error("the peer has answered")
				}
			})
		})
	}
}

// TestOutageInSetup: Setup does not wait for a carrier, since the End is not up before it has returned. The carrier may
// have had the stream.
func TestOutageInSetup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, nil)
		var st *Stream
		h.client(&Config{Setup: func(e *End) (err error) {
			h.close()
			h.cut()
			st, err = e.OpenStream(t.Context())
			return err
		}})
		h.start()
		_, err := st.Read(make([]byte, 1))
		want(t, err, ErrSessionLost)
		if st.ReachedPeer() {
			t.Error("nobody ever had it")
		}
	})
}

// TestReachedPeer: a stream can be asked whether the peer has it, at any time.
func TestReachedPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOutage(t, begun{})
		check := func(when string, st *Stream, want bool) {
			t.Helper()
			synctest.Wait()
			if st.ReachedPeer() != want {
				t.Errorf("%s: %v", when, !want)
			}
		}
		st, err := o.c.OpenStream(t.Context())
		must(t, err)
		<-time.After(time.Second)
		check("accepted", st, true)
		check("the End's own", o.c.Stream, true)
		for ms := range o.ends[0].Streams() {
			check("of the peer", ms, true)
		}
		o.silent()
		lost, err := o.c.OpenStream(t.Context())
		must(t, err)
		check("on its way", lost, false)
		o.breaks()
		check("on its way, and the carrier is lost", lost, false)
		check("accepted, and the carrier is lost", st, true)
		o.lossy(false)
		o.open()
		<-time.After(time.Minute)
		check("resumed", lost, true)
		s := o.ends[0]
		o.stop()
		o.start()
		<-time.After(time.Minute)
		check("accepted, and the session is lost", st, true)
		check("acknowledged, and the session is lost", lost, true)
		for ms := range s.Streams() {
			check("of a lost peer", ms, true)
		}
		must(t, o.c.Close())
		check("accepted, and the End is closed", st, true)
	})
}

// TestOutageNoAck: messages without an ack go into the next session in their place, and with all that was said of them.
func TestOutageNoAck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOutage(t, begun{})
		o.breaks()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		end, _ := ctx.Deadline()
		body := []byte("0")
		for i := range 10 {
			body[0] = '0' + byte(i)
			if i%2 == 0 {
				_, err := o.c.PublishAsync(ctx, "order", body)
				must(t, err)
			} else {
				must(t, o.c.Publish(ctx, "order", body, NoAck(), WithMetadata(Metadata{"i": {string(body)}})))
			}
		}
		<-time.After(10 * time.Second)
		o.stop()
		o.start()
		_, err := o.c.Ping(t.Context())
		must(t, err)
		synctest.Wait()
		s := o.ends[0]
		for i := range 10 {
			m, err := s.Receive(short(t))
			must(t, err)
			if string(m.Body) != string('0'+byte(i)) || i%2 == 1 && m.Metadata.Get("i") != string(m.Body) || m.Redelivered {
				t.Errorf("message %d is %q, with %v", i, m.Body, m.Metadata)
			}
			if d, ok := m.Deadline(); !ok || d.Before(end) || d.After(end.Add(time.Second)) {
				t.Errorf("message %d: the deadline is %v, want %v", i, d, end)
			}
			_ = m.Ack()
		}
	})
}
