package gantline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutboxMany: more than the peer may have unacked go out one after the other, across lost sessions, before newer
// ones; nothing is told twice.
func TestOutboxMany(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		var told answers
		box := newMemoryBox()
		var all []string
		for i := range 50 {
			all = append(all, fmt.Sprint(i))
		}
		box.put("", all...)
		h := newTestServer(t, b.config(Config{Limits: Limits{Messages: 10}}))
		c := h.client(&Config{Outbox: box, OnKept: told.hook})
		late := make(chan error, 1)
		go func() { late <- c.Publish(t.Context(), "t", []byte("late")) }()
		same(t, "first", textsOf(b.take()), all[:10]...)
		h.stop()
		h.start()
		<-time.After(5 * time.Second)
		got := b.take()
		same(t, "again", textsOf(got), all[:10]...)
		b.acks(true)
		for _, m := range got {
			must(t, m.Ack())
		}
		must(t, <-late)
		same(t, "rest", textsOf(b.take()), append(all[10:], "late")...)
		answered := told.take()
		slices.Sort(answered) // they come as the acks do
		slices.Sort(all)
		same(t, "told", answered, all...)
		same(t, "kept", box.texts(""))
	})
}

// TestOutboxDedup: a receiver that remembers what it has acked does not hand out a copy, which is acked and so
// forgotten.
func TestOutboxDedup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		b.acks(true)
		box := newMemoryBox()
		h := newTestServer(t, b.config(Config{Dedup: NewDedup(100, time.Hour)}))
		c := h.client(&Config{Outbox: box})
		box.set(func(b *memoryBox) { b.leaveErr = errBox })
		want(t, c.Publish(t.Context(), "t", []byte("1")), ErrKept)
		_ = c.Close()
		box.set(func(b *memoryBox) { b.leaveErr = nil })
		same(t, "sent", textsOf(b.take()), "1")
		same(t, "kept", box.texts(""), "1")
		h.client(&Config{Outbox: box})
		same(t, "sent", textsOf(b.take()))
		same(t, "kept", box.texts(""))
	})
}

// TestOutboxTooLarge: what this peer cannot take stays for one that can, is logged, and holds nobody up.
func TestOutboxTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		box := newMemoryBox()
		box.put("", "1", strings.Repeat("2", 2000), "3")
		var b mailbox
		b.acks(true)
		c, _ := pair(t, &Config{Outbox: box, Logger: slog.New(slog.NewTextHandler(&log, nil))}, b.config(Config{Limits: Limits{Body: 1000}}))
		must(t, c.Publish(t.Context(), "t", []byte("4")))
		same(t, "sent", textsOf(b.take()), "1", "3", "4")
		if kept := box.texts(""); len(kept) != 1 || len(kept[0]) != 2000 || !strings.Contains(log.String(), "stays in the outbox") {
			t.Errorf("%d kept, log %q", len(kept), &log)
		}
	})
}

// TestOutboxDrain: a peer that shuts down has refused what it did not take; that stays for its successor. This
// side's Shutdown does not wait for what is not sent yet.
func TestOutboxDrain(t *testing.T) {
	for _, own := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			box := newMemoryBox()
			box.put("", "1", "2", "3", "4")
			var b mailbox
			h := newTestServer(t, b.config(Config{Limits: Limits{Messages: 2}}))
			c := h.client(&Config{Outbox: box, NoFresh: true})
			first := b.take()
			same(t, "first", textsOf(first), "1", "2")
			done := make(chan error, 1)
			drained := c
			if !own {
				drained = h.ends[0]
			}
			go func() { done <- drained.Shutdown(short(t)) }()
			synctest.Wait()
			for _, m := range first {
				must(t, m.Ack())
				synctest.Wait()
			}
			if own { // the one that waited for its slot has gone out
				for _, m := range b.take() {
					must(t, m.Ack())
				}
			}
			must(t, <-done)
			<-c.Context().Done()
			synctest.Wait()
			kept := box.texts("")
			if len(kept) == 0 || kept[len(kept)-1] != "4" || len(kept) > 2 {
				t.Errorf("kept are %q", kept)
			}
			b.take()
			b.acks(true)
			h.client(&Config{Outbox: box})
			same(t, "sent", textsOf(b.take()), kept...)
			same(t, "kept", box.texts(""))
		})
	}
}

// TestOutboxScope: messages to a stream end with it and are not kept; nor is anything on an End without an outbox.
func TestOutboxScope(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		c, s := pair(t, &Config{Outbox: box}, nil)
		st, err := c.OpenStream(t.Context())
		must(t, err)
		_, err = st.PublishAsync(t.Context(), "t", nil)
		must(t, err)
		_, err = s.PublishAsync(t.Context(), "t", nil)
		must(t, err)
		if box.keeps != 0 {
			t.Errorf("%d kept", box.keeps)
		}
	})
}

// TestOutboxRefused: what is refused before it is sent is not kept.
func TestOutboxRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		c, _ := pair(t, &Config{Outbox: box}, &Config{Limits: Limits{Body: 1000}})
		want(t, c.Publish(t.Context(), "t..", nil), InvalidArgument)
		want(t, c.Publish(t.Context(), "t", make([]byte, 1001)), ResourceExhausted)
		want(t, c.Publish(t.Context(), "t", nil, WithMetadata(Metadata{"": {}})), InvalidArgument)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		want(t, c.Publish(ctx, "t", nil), context.Canceled)
		same(t, "kept", box.texts(""))
	})
}

// TestOutboxDrainRace: what a peer that shuts down gets too late it refuses without an answer; it stays, and goes
// with the next session, which begins while the peer still has something to finish.
func TestOutboxDrainRace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		box := newMemoryBox()
		box.put("", "1", "2", "3")
		var b mailbox
		b.acks(true)
		h := newTestServer(t, b.config(Config{}))
		c := h.client(&Config{Outbox: box, Setup: func(*End) error {
			h.lossy(true) // what goes out now comes after the drain
			return nil
		}})
		synctest.Wait()
		s := h.ends[0]
		_, err := s.OpenStream(t.Context()) // keeps it busy
		must(t, err)
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(short(t)) }()
		synctest.Wait()
		h.lossy(false)
		h.cut()
		<-time.After(2 * time.Second)
		synctest.Wait()
		if state := c.session().Native.State(); state != StateUp || c.session().Seq != 2 || s.State() != StateDraining {
			t.Errorf("state %v, session %d, the older one is %v", state, c.session().Seq, s.State())
		}
		h.stop()
		<-done
		h.start()
		<-time.After(5 * time.Second)
		same(t, "sent", textsOf(b.take()), "1", "2", "3")
		same(t, "kept", box.texts(""))
	})
}

// TestOutboxBlocked: a Publish that waits for its turn is kept already, whether the End has a session or waits for
// one; so Close leaves it to the next End.
func TestOutboxBlocked(t *testing.T) {
	for _, lost := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			box := newMemoryBox()
			var b mailbox
			h := newTestServer(t, b.config(Config{Limits: Limits{Messages: 1}}))
			c := h.client(&Config{Outbox: box})
			if lost {
				h.stop()
				<-time.After(2 * time.Minute)
			}
			done := make(chan error, 3)
			var all []string
			for i := range cap(done) {
				all = append(all, fmt.Sprint(i))
				go func() { done <- c.Publish(context.Background(), "t", []byte(all[i])) }()
				synctest.Wait()
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			want(t, c.Publish(ctx, "t", []byte("given up")), context.DeadlineExceeded)
			same(t, "kept", box.texts(""), all...)
			_ = c.Close()
			for range cap(done) {
				want(t, <-done, ErrKept)
			}
			same(t, "kept", box.texts(""), all...)
		})
	}
}
