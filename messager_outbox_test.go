package gantline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// same fails the test unless the two lists are equal.
func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %q, want %q", what, got, want)
	}
}

// TestOutboxRestart: what was not acked when a client's End ends is published by the next one, first, in order,
// complete and marked; what was acked or withdrawn is not.
func TestOutboxRestart(t *testing.T) {
	for _, redial := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			var b mailbox
			var told answers
			box := newMemoryBox()
			h := newTestServer(t, b.config(Config{}))
			client := func() *End {
				cfg := &Config{Outbox: box, OnKept: told.hook}
				if redial {
					return h.client(cfg)
				}
				nc, err := h.dial(t.Context())
				must(t, err)
				c, err := Client(t.Context(), nc, quiet(cfg))
				must(t, err)
				t.Cleanup(func() { _ = c.Close() })
				return c
			}
			c := client()
			b.acks(true)
			must(t, c.Publish(t.Context(), "t", []byte("acked")))
			must(t, c.Publish(t.Context(), "t", []byte("not acked"), NoAck()))
			b.acks(false)
			synctest.Wait()
			same(t, "kept", box.texts(""))
			if box.keeps != 1 {
				t.Errorf("%d messages were kept, want 1", box.keeps)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			want(t, c.Publish(ctx, "t", []byte("withdrawn")), context.DeadlineExceeded)
			b.take()
			var pubs []*Publication
			for i := range 20 {
				p, err := c.PublishAsync(t.Context(), "t", fmt.Append(nil, i), WithMetadata(Metadata{"k": {"v", "w"}}), codecOption(2))
				must(t, err)
				pubs = append(pubs, p)
			}
			blocked := make(chan error, 1)
			go func() { blocked <- c.Publish(context.Background(), "t", []byte("waited for")) }()
			first := b.take()
			if len(first) != 21 {
				t.Fatalf("%d messages came", len(first))
			}
			_ = c.Close()
			for _, p := range pubs {
				want(t, p.Err(), ErrKept, ErrUnknownOutcome)
			}
			err := <-blocked
			want(t, err, ErrKept, ErrUnknownOutcome)
			if strings.Count(err.Error(), prefix) != 1 {
				t.Errorf("error reads %q", err)
			}
			if err := c.Publish(t.Context(), "t", nil); err == nil || len(box.texts("")) != 21 {
				t.Errorf("on a closed End: %v, %d kept", err, len(box.texts("")))
			}

			b.acks(true)
			c = client()
			must(t, c.Publish(t.Context(), "t", []byte("new")))
			second := b.take()
			if len(second) != 22 || string(second[21].Body) != "new" || second[21].Redelivered {
				t.Fatalf("then came %v", textsOf(second))
			}
			for i, m := range second[:21] {
				if m.ID != first[i].ID || !bytes.Equal(m.Body, first[i].Body) || m.Topic != "t" || m.codec != first[i].codec || !m.Redelivered ||
					fmt.Sprint(m.Metadata) != fmt.Sprint(first[i].Metadata) || (m.Metadata == nil) != (i == 20) {
					t.Errorf("message %d was %+v and is %+v", i, first[i], m)
				}
			}
			synctest.Wait()
			same(t, "kept", box.texts(""))
			same(t, "told", told.take(), append(textsOf(first)[:20:20], "waited for")...)
			_ = c.Close()
			must(t, client().Publish(t.Context(), "t", []byte("last")))
			same(t, "third", textsOf(b.take()), "last")
		})
	}
}

// claimed is a client of h with an id, whose server's Ends are handed to the test.
func claimed(t *testing.T, h *testServer, id string, b *mailbox) (c, s *End) {
	t.Helper()
	nc, err := h.dial(t.Context())
	must(t, err)
	c, err = Client(t.Context(), nc, quiet(b.config(Config{ID: id})))
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return c, h.ends[len(h.ends)-1]
}

// TestOutboxServer: a server keeps what is for each client until that comes again: not for one without an id, and
// not for another.
func TestOutboxServer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		h := newTestServer(t, &Config{Outbox: box})
		var a, b, none mailbox
		_, sa := claimed(t, h, "a", &a)
		_, sb := claimed(t, h, "b", &b)
		_, sn := claimed(t, h, "", &none)
		var pubs []*Publication
		for i, s := range []*End{sa, sb, sn, sa} {
			p, err := s.PublishAsync(t.Context(), "t", fmt.Append(nil, i))
			must(t, err)
			pubs = append(pubs, p)
		}
		synctest.Wait()
		same(t, "for a", box.texts("a"), "0", "3")
		same(t, "for b", box.texts("b"), "1")
		if len(box.kept) != 2 {
			t.Errorf("kept for %d peers", len(box.kept))
		}
		a.take()
		h.stop() // a kill of the server; it comes back with its outbox
		h.start()
		want(t, pubs[0].Wait(short(t)), ErrKept, ErrUnknownOutcome)
		if err := pubs[2].Wait(short(t)); err == nil || strings.Contains(err.Error(), "kept") {
			t.Error(err)
		}
		var a2 mailbox
		a2.acks(true)
		c2, s2 := claimed(t, h, "a", &a2)
		same(t, "a gets", textsOf(a2.take()), "0", "3")
		same(t, "for a", box.texts("a"))
		same(t, "for b", box.texts("b"), "1")

		a2.acks(false) // the client goes, and the End's time is over
		p, err := s2.PublishAsync(t.Context(), "t", []byte("away"))
		must(t, err)
		synctest.Wait()
		_ = c2.session().Native.Close(t.Context(), OK, "")
		want(t, p.Wait(short(t)), ErrKept)
		var a3 mailbox
		a3.acks(true)
		claimed(t, h, "a", &a3)
		same(t, "a gets", textsOf(a3.take()), "away")
		same(t, "for a", box.texts("a"))
	})
}

// TestOutboxNack: an answer is an answer: the hook is told, or the log, and the message is forgotten.
func TestOutboxNack(t *testing.T) {
	for _, hooked := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			var told answers
			var log bytes.Buffer
			box := newMemoryBox()
			box.put("", "left")
			cfg := &Config{Outbox: box, OnKept: told.hook, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			if !hooked {
				cfg.OnKept = nil
			}
			c, _ := pair(t, cfg, &Config{Setup: func(e *End) error {
				e.Subscribe("t", func(context.Context, *Message) error { return &Error{Code: NotFound, Message: "no such order"} })
				return nil
			}})
			err := c.Publish(t.Context(), "t", []byte("own"))
			want(t, err, NotFound)
			synctest.Wait()
			same(t, "kept", box.texts(""))
			if hooked {
				same(t, "told", told.take(), `left: "t": peer answered not found: no such order`)
			}
			if strings.Contains(log.String(), "no such order") == hooked {
				t.Errorf("log has %q", &log)
			}
		})
	}
}

// TestOutboxFails: a message that is not kept is not sent; one that cannot be forgotten is said to be kept.
func TestOutboxFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		b.acks(true)
		box := newMemoryBox()
		h := newTestServer(t, b.config(Config{}))
		c := h.client(&Config{Outbox: box})
		box.set(func(b *memoryBox) { b.keepErr = errBox })
		err := c.Publish(t.Context(), "t", []byte("1"))
		want(t, err, errBox, Unavailable)
		if strings.Count(err.Error(), prefix) != 1 {
			t.Errorf("error reads %q", err)
		}
		box.set(func(b *memoryBox) { b.keepErr = errors.Join(errBox, ResourceExhausted) })
		_, err = c.PublishAsync(t.Context(), "t", []byte("2"))
		want(t, err, errBox, ResourceExhausted)
		same(t, "sent", textsOf(b.take()))
		box.set(func(b *memoryBox) { b.keepErr, b.leaveErr = nil, errBox })
		want(t, c.Publish(t.Context(), "t", []byte("3")), errBox, ErrKept)
		b.acks(false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, c.Publish(ctx, "t", []byte("4")), errBox, ErrKept, context.DeadlineExceeded)
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		want(t, c.Publish(ctx, "t", []byte("5")), errBox, ErrKept, context.Canceled)
		same(t, "sent", textsOf(b.take()), "3", "4")
		same(t, "kept", box.texts(""), "3", "4", "5")
	})
}

// TestOutboxUnreadable: what cannot be read is logged, and new messages go out.
func TestOutboxUnreadable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		box := newMemoryBox()
		box.put("", "left")
		box.readErr = errBox
		var b mailbox
		b.acks(true)
		c, _ := pair(t, &Config{Outbox: box, Logger: slog.New(slog.NewTextHandler(&log, nil))}, b.config(Config{}))
		must(t, c.Publish(t.Context(), "t", []byte("new")))
		same(t, "sent", textsOf(b.take()), "new")
		if !strings.Contains(log.String(), "on fire") {
			t.Errorf("log has %q", &log)
		}
	})
}

// TestOutboxWaits: Publish returns nil after Forget, other traffic goes on meanwhile, and Close waits for it.
func TestOutboxWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		b.acks(true)
		box := newMemoryBox()
		hold := make(chan struct{})
		box.hold = hold
		c, s := pair(t, &Config{Outbox: box}, b.config(Config{}))
		s.Handle("echo", echo)
		var wg sync.WaitGroup
		var done atomic.Int32
		for range 5 {
			wg.Go(func() {
				must(t, c.Publish(t.Context(), "t", nil))
				done.Add(1)
			})
			synctest.Wait()
		}
		_, err := c.Call(t.Context(), "echo", nil)
		must(t, err)
		if n := done.Load(); n != 0 {
			t.Errorf("%d have returned", n)
		}
		closed := make(chan struct{})
		go func() { _ = c.Close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed, though the outbox is in use")
		default:
		}
		close(hold)
		wg.Wait()
		<-closed
	})
}

// TestOutboxSetup: what Setup publishes goes after what was left, and is not published twice.
func TestOutboxSetup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		box.put("", "1", "2")
		var b mailbox
		b.acks(true)
		var pubs []*Publication
		ctx, cancel := context.WithCancel(t.Context())
		c, _ := pair(t, &Config{Outbox: box, Setup: func(e *End) error {
			for _, body := range []string{"3", "given up", "4"} {
				own := t.Context()
				if len(body) > 1 {
					own = ctx
				}
				p, err := e.PublishAsync(own, "t", []byte(body))
				must(t, err)
				pubs = append(pubs, p)
			}
			_, err := e.PublishAsync(t.Context(), "t", []byte("0"), NoAck())
			cancel()
			<-pubs[1].Done()
			return err
		}}, b.config(Config{}))
		must(t, c.Publish(t.Context(), "t", []byte("5")))
		must(t, pubs[0].Wait(short(t)))
		want(t, pubs[1].Wait(short(t)), context.Canceled)
		same(t, "sent", textsOf(b.take()), "0", "1", "2", "3", "4", "5")
		same(t, "kept", box.texts(""))
	})
}

// TestOutboxSetupFails: an End that is refused settles nothing.
func TestOutboxSetupFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		box.put("", "1")
		h := newTestServer(t, nil)
		nc, err := h.dial(t.Context())
		must(t, err)
		var p *Publication
		_, err = Client(t.Context(), nc, quiet(&Config{Outbox: box, Setup: func(e *End) (err error) {
			p, err = e.PublishAsync(t.Context(), "t", []byte("2"))
			must(t, err)
			return NotFound
		}}))
		want(t, err, NotFound)
		want(t, p.Wait(short(t)), ErrKept)
		same(t, "kept", box.texts(""), "1", "2")
	})
}
