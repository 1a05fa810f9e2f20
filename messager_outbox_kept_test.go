package gantline

import (
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutboxOneClient: a second client End is refused an Outbox that is in use, and has it once the first is over,
// however that came about.
func TestOutboxOneClient(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *testServer, first *End){
		"closed":  func(t *testing.T, _ *testServer, first *End) { must(t, first.Close()) },
		"closing": func(t *testing.T, _ *testServer, first *End) { go first.Close(); synctest.Wait() },
		"lost":    func(t *testing.T, h *testServer, first *End) { h.cut(); <-first.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, nil)
				box := newMemoryBox()
				dial := func(cfg *Config) (*End, error) {
					nc, err := h.dial(t.Context())
					must(t, err)
					e, err := Client(t.Context(), nc, quiet(cfg))
					if err == nil {
						t.Cleanup(func() { _ = e.Close() })
					}
					return e, err
				}
				_, err := dial(&Config{Outbox: box, Setup: func(*End) error { return NotFound }}) // has it no longer
				want(t, err, NotFound)
				first, err := dial(&Config{Outbox: box})
				must(t, err)
				_, err = dial(&Config{Outbox: box})
				want(t, err, FailedPrecondition)
				other, err := dial(&Config{Outbox: newMemoryBox()})
				must(t, err)
				must(t, other.Close())
				end(t, h, first)
				_, err = dial(&Config{Outbox: box})
				must(t, err)
			})
		})
	}
}

// TestOutboxNextWaits: the next End for a peer begins with the outbox when the last one has noted what was answered: a
// message whose Publish returns nil does not come again.
func TestOutboxNextWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		h := newTestServer(t, &Config{Outbox: box})
		var b mailbox
		cfg := b.config(Config{ID: "x"})
		dial := func() *End {
			nc, err := h.dial(t.Context())
			must(t, err)
			c, err := Client(t.Context(), nc, quiet(cfg))
			must(t, err)
			t.Cleanup(func() { _ = c.Close() })
			synctest.Wait()
			return c
		}
		b.acks(true)
		c := dial()
		hold := make(chan struct{})
		box.set(func(b *memoryBox) { b.hold = hold })
		p, err := h.ends[0].PublishAsync(t.Context(), "t", []byte("acked"))
		must(t, err)
		if got := textsOf(b.take()); !slices.Equal(got, []string{"acked"}) {
			t.Fatalf("got %v", got)
		}
		go c.Close() // the disk is still at it
		synctest.Wait()
		dial()
		if got := b.take(); len(got) != 0 {
			t.Errorf("again: %v", textsOf(got))
		}
		box.set(func(b *memoryBox) { b.hold = nil })
		close(hold)
		must(t, p.Wait(short(t)))
		must(t, h.ends[1].Publish(short(t), "t", []byte("new")))
		if got := textsOf(b.take()); !slices.Equal(got, []string{"new"}) {
			t.Errorf("got %v", got)
		}
	})
}

// TestOutboxTwoOfAPeer: of two Ends of one peer that live the second waits with its messages.
func TestOutboxTwoOfAPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		var a, b mailbox
		a.acks(false)
		b.acks(true)
		h := newTestServer(t, &Config{Outbox: box})
		first := h.client(a.config(Config{ID: "x"}))
		synctest.Wait()
		p, err := h.ends[0].PublishAsync(t.Context(), "t", []byte("for the first"))
		must(t, err)
		h.client(b.config(Config{ID: "x"}))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, h.ends[1].Publish(ctx, "t", []byte("too early")), context.DeadlineExceeded)
		if got := b.take(); len(got) != 0 {
			t.Errorf("the second got %v", textsOf(got))
		}
		go first.Close()
		want(t, p.Wait(short(t)), ErrKept)
		must(t, h.ends[1].Publish(short(t), "t", []byte("for the second")))
		if got := textsOf(b.take()); !slices.Equal(got, []string{"for the first", "for the second"}) {
			t.Errorf("the second got %v", got)
		}
	})
}

// TestOutboxClaimedTooLate: an End that gets the outbox at the moment of its end leaves it to others.
func TestOutboxClaimedTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, nil)
		c := h.client(&Config{Outbox: newMemoryBox()})
		must(t, c.Close())
		want(t, c.claimOutbox(t.Context(), "", nil), net.ErrClosed)
		if n := outboxes.Len(); n != 0 {
			t.Errorf("%d outboxes are claimed still", n)
		}
	})
}
