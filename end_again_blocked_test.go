package gantline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestMoveBlocked: whatever waits for a place when the server drains gets one in the next session, and what has one there
// goes on to its end.
func TestMoveBlocked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h, finish := slowServer(t, Config{Limits: Limits{Calls: 1, Messages: 1, Streams: 2}, Setup: func(e *End) error {
			e.HandleStream("upper", func(ctx context.Context, _ *Request, cs *CallStream) error {
				for {
					msg, err := cs.Recv(ctx)
					if err == io.EOF {
						return nil
					} else if err != nil {
						return err
					}
					if err := cs.Send(ctx, bytes.ToUpper(msg)); err != nil {
						return err
					}
				}
			})
			return b.config(Config{}).Setup(e)
		}})
		c := h.client(nil)
		synctest.Wait()
		old := h.ends[0]

		st, err := c.OpenStream(t.Context())
		must(t, err)
		_, err = st.Write([]byte("x"))
		must(t, err)
		there, err := old.AcceptStream(t.Context())
		must(t, err)
		there.Handle("scoped", echo)
		large := bytes.Repeat([]byte("large"), 1<<20) // more than any window
		write := make(chan error, 1)
		go func() { _, err := st.Write(large); write <- err }()

		slow := calling(c, "slow") // takes the only place
		first := make(chan error, 1)
		go func() { first <- c.Publish(context.Background(), "t", []byte("first")) }()
		synctest.Wait()
		outcomes := map[string]chan error{}
		begin := func(name string, f func() error) {
			done := make(chan error, 1)
			outcomes[name] = done
			go func() { done <- f() }()
			synctest.Wait()
		}
		for i := range 5 {
			begin(fmt.Sprint("call ", i), func() error { _, err := c.Call(context.Background(), "m", nil); return err })
			begin(fmt.Sprint("large call ", i), func() error {
				got, err := c.Call(context.Background(), "m", large[:4<<20])
				if err == nil && !bytes.Equal(got, large[:4<<20]) {
					err = errors.New("another answer")
				}
				return err
			})
			begin(fmt.Sprint("notify ", i), func() error { return c.Notify(context.Background(), "m", nil) })
			begin(fmt.Sprint("publish ", i), func() error { return c.Publish(context.Background(), "t", []byte(fmt.Sprint(i))) })
			begin(fmt.Sprint("streaming ", i), func() error {
				cs, err := c.OpenCall(context.Background(), "upper")
				if err != nil {
					return err
				}
				if err := cs.Send(context.Background(), []byte("a")); err != nil {
					return err
				}
				if got, err := cs.Recv(context.Background()); err != nil || string(got) != "A" {
					return fmt.Errorf("%q, %w", got, err)
				}
				if err := cs.CloseSend(); err != nil {
					return err
				}
				if _, err := cs.Recv(context.Background()); err != io.EOF {
					return err
				}
				return nil
			})
		}
		go old.Shutdown(context.Background())
		<-time.After(time.Second)
		b.acks(true)
		for name, done := range outcomes {
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			case <-time.After(time.Minute):
				if name[0] != 'p' {
					t.Errorf("%s still waits", name)
				}
			}
		}
		if c.Stats().Sessions != 2 {
			t.Fatalf("%d sessions", c.Stats().Sessions)
		}
		all := make([]byte, 1+len(large))
		_, err = io.ReadFull(there, all)
		must(t, err)
		must(t, <-write)
		if !bytes.Equal(all[1:], large) {
			t.Error("other bytes arrived")
		}
		close(finish)
		must(t, <-slow)
		// The older session still serves what it has.
		got, err := st.Call(short(t), "scoped", []byte("scoped"))
		if err != nil || string(got) != "scoped" {
			t.Errorf("a call on an older stream: %q, %v", got, err)
		}
		cs, err := st.OpenCall(t.Context(), "nothing")
		must(t, err)
		_, err = cs.Recv(short(t))
		want(t, err, Unimplemented)
		for _, m := range b.take() {
			_ = m.Ack()
		}
		must(t, <-first)
		must(t, there.Close())
		must(t, st.Close())
		<-time.After(time.Minute)
		if old.Context().Err() == nil || c.State() != StateUp || c.Stats().Open != 0 {
			t.Errorf("the old End is %v, the client %v with %d open", old.State(), c.State(), c.Stats().Open)
		}
	})
}

// TestMoveChain: three servers that drain at once, while the first still has work, and more of their carriers break.
func TestMoveChain(t *testing.T) {
	for _, cuts := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			h, finish := slowServer(t, Config{})
			var d diary
			c := h.client(&Config{OnSession: d.hooks(Config{}).OnSession})
			var slow []<-chan error
			for i := range 4 {
				synctest.Wait()
				slow = append(slow, calling(c, "slow"))
				if i < 3 {
					go h.ends[i].Shutdown(context.Background())
					<-time.After(time.Minute)
				}
			}
			d.check(t, "fresh", "fresh", "fresh", "fresh")
			if n := c.Stats().Open; n != 4 {
				t.Errorf("%d calls are open", n)
			}
			if cuts {
				h.cut()
				<-time.After(10 * time.Second)
				d.check(t, "fresh", "fresh", "fresh", "fresh", "resumed")
			}
			over := make(chan error, 1)
			go func() { over <- c.Shutdown(context.Background()) }()
			<-time.After(time.Minute)
			if len(over) > 0 {
				t.Error("Shutdown does not wait for the older sessions")
			}
			close(finish)
			for _, done := range slow {
				must(t, <-done)
			}
			must(t, <-over)
			<-time.After(time.Second)
			for i, s := range h.ends {
				if s.Context().Err() == nil {
					t.Errorf("End %d of the server is %v", i, s.State())
				}
			}
		})
	}
}

// TestBothShutDown: both sides do so at once, idle and at work. Neither waits for the other, and what runs is answered.
func TestBothShutDown(t *testing.T) {
	for _, busy := range []bool{false, true} {
		for _, limit := range []time.Duration{0, 5 * time.Second} {
			bubble(t, func(t *testing.T) {
				h, finish := slowServer(t, Config{})
				c := h.client(nil)
				slow := make(<-chan error)
				if busy {
					slow = calling(c, "slow")
				}
				synctest.Wait()
				over := make(chan error, 2)
				began := time.Now()
				for _, e := range []*End{c, h.ends[0]} {
					go func() {
						ctx := context.Background()
						if limit > 0 {
							bounded, cancel := context.WithTimeout(ctx, limit)
							defer cancel()
							ctx = bounded
						}
						over <- e.Shutdown(ctx)
					}()
				}
				if busy && limit == 0 {
					<-time.After(time.Minute)
					close(finish)
					must(t, <-slow)
				}
				// One may give up a moment earlier, and close the other.
				if err := errors.Join(<-over, <-over); (err != nil) != (busy && limit > 0) {
					t.Errorf("busy %v, limit %v: %v", busy, limit, err)
				}
				if busy && limit > 0 {
					want(t, <-slow, ErrUnknownOutcome)
				}
				if took := time.Since(began); limit > 0 && took > limit+time.Second {
					t.Errorf("it took %v", took)
				}
				<-c.Context().Done()
			})
		}
	}
}

// TestMoveAtStart: a server that drains as soon as a client is there does not get between that and what its outbox has
// kept. What the old session serves and what the next one gets run at the same time.
func TestMoveAtStart(t *testing.T) {
	for range 50 {
		bubble(t, func(t *testing.T) {
			var b mailbox
			b.acks(true)
			var h *testServer
			h = newTestServer(t, b.config(Config{OnState: func(e *End, s State) {
				if s == StateUp && e.session() != nil {
					h.mu.Lock()
					first := h.dials == 1
					h.mu.Unlock()
					if first {
						go e.Shutdown(context.Background())
					}
				}
			}}))
			box := newMemoryBox()
			box.put("", "a", "b", "c", "d")
			c := h.client(&Config{Outbox: box})
			must(t, c.Publish(t.Context(), "t", []byte("new")))
			<-time.After(time.Minute)
			all := []string{"a", "b", "c", "d", "new"}
			got := textsOf(b.take())
			inTurns := slices.ContainsFunc([]int{0, 1, 2, 3, 4}, func(old int) bool {
				served, later := []string{}, []string{}
				for _, text := range got {
					if slices.Contains(all[:old], text) {
						served = append(served, text)
					} else {
						later = append(later, text)
					}
				}
				return slices.Equal(served, all[:old]) && slices.Equal(later, all[old:])
			})
			if !inTurns {
				t.Errorf("the servers got %q", got)
			}
			if left := box.texts(""); len(left) > 0 {
				t.Errorf("%q are left", left)
			}
		})
	}
}
