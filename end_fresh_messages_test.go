package gantline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// mailbox is a server that notes the messages it gets and acks them when it is told to.
type mailbox struct {
	mu  sync.Mutex
	got []*Message
	ack bool
}

func (b *mailbox) config(cfg Config) *Config {
	cfg.Setup = func(e *End) error {
		e.Subscribe("t", func(_ context.Context, m *Message) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.got = append(b.got, m)
			if !b.ack {
				return ErrAckLater
			}
			return nil
		})
		return nil
	}
	return &cfg
}

// take returns what came since the last time.
func (b *mailbox) take() []*Message {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

func (b *mailbox) acks(on bool) {
	b.mu.Lock()
	b.ack = on
	b.mu.Unlock()
}

func textsOf(ms []*Message) (all []string) {
	for _, m := range ms {
		all = append(all, string(m.Body))
	}
	return all
}

// TestFreshMessages: what was not acked is published again: once, in order, with its id, and marked if it may be a
// copy. What was acked is not.
func TestFreshMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{}))
		c := h.client(nil)
		b.acks(true)
		must(t, c.Publish(t.Context(), "t", []byte("acked")))
		b.acks(false)
		b.take()
		var pubs []*Publication
		var all []string
		publish := func(n int) {
			for range n {
				body := []byte(fmt.Sprint(len(pubs)))
				all = append(all, string(body))
				p, err := c.PublishAsync(t.Context(), "t", body, WithMetadata(Metadata{"k": {"v"}}))
				must(t, err)
				body[0] = 'x'
				pubs = append(pubs, p)
			}
		}
		publish(20)
		first := b.take()
		h.stop()
		publish(5) // handed to no carrier
		h.start()
		<-time.After(5 * time.Second)
		second := b.take()
		h.stop() // and once more, with a new one after them
		b.acks(true)
		h.start()
		publish(1)
		for _, p := range pubs {
			must(t, p.Wait(short(t)))
		}
		third := b.take()
		if !slices.Equal(textsOf(first), all[:20]) || !slices.Equal(textsOf(second), all[:25]) || !slices.Equal(textsOf(third), all) {
			t.Fatalf("got %v, %v, %v", textsOf(first), textsOf(second), textsOf(third))
		}
		for i, m := range third {
			if i < 20 && (m.ID != first[i].ID || m.ID != second[i].ID || !second[i].Redelivered || !m.Redelivered) ||
				i >= 20 && i < 25 && (second[i].Redelivered || !m.Redelivered) || fmt.Sprint(m.Metadata["k"]) != "[v]" || len(m.Metadata) != 1 {
				t.Errorf("message %d: ids %v and %v, redelivered %v and %v, metadata %v", i, second[min(i, 24)].ID, m.ID, second[min(i, 24)].Redelivered, m.Redelivered, m.Metadata)
			}
		}
		if c.session().Publications.IsOpen() != true || !c.line.Publications.Empty() {
			t.Error("something is left to send")
		}
	})
}

// TestFreshPublish: Publish waits through lost sessions; the end of its context ends that, and so does Close.
func TestFreshPublish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{}))
		c := h.client(nil)
		done := make(chan error, 3)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- c.Publish(ctx, "t", []byte("given up")) }()
		b.take()
		go func() { done <- c.Publish(t.Context(), "t", []byte("kept")) }()
		b.take()
		h.stop()
		<-time.After(2 * time.Minute)
		cancel()
		want(t, <-done, context.Canceled)
		b.acks(true)
		h.start()
		must(t, <-done)
		if got := textsOf(b.take()); !slices.Equal(got, []string{"kept"}) {
			t.Errorf("got %v", got)
		}
		b.acks(false)
		go func() { done <- c.Publish(t.Context(), "t", []byte("sent")) }()
		b.take()
		h.stop()
		<-time.After(2 * time.Minute)
		_ = c.Close()
		want(t, <-done, ErrUnknownOutcome)
	})
}

// TestFreshMany: more messages than the fresh session may have unacked go out one after the other, and newer ones
// do not overtake them.
func TestFreshMany(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{}))
		c := h.client(nil)
		var all []string
		for i := range 500 {
			all = append(all, fmt.Sprint(i))
			_, err := c.PublishAsync(t.Context(), "t", []byte(all[i]))
			must(t, err)
		}
		b.take()
		h.stop()
		h.cfg.Limits.Messages = 10
		h.start()
		<-time.After(5 * time.Second)
		late := make(chan error, 1)
		go func() { late <- c.Publish(t.Context(), "t", []byte("late")) }()
		got := b.take()
		if len(got) != 10 {
			t.Fatalf("%d messages came", len(got))
		}
		b.acks(true)
		for _, m := range got {
			must(t, m.Ack())
		}
		must(t, <-late)
		if rest := b.take(); !slices.Equal(append(textsOf(got), textsOf(rest)...), append(all, "late")) {
			t.Errorf("got %v", textsOf(rest))
		}
	})
}

// TestFreshManyAgain: a session that is lost while older messages still wait to be sent again leaves their order alone.
func TestFreshManyAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{}))
		c := h.client(nil)
		var all []string
		var pubs []*Publication
		for i := range 100 {
			all = append(all, fmt.Sprint(i))
			p, err := c.PublishAsync(t.Context(), "t", []byte(all[i]))
			must(t, err)
			pubs = append(pubs, p)
		}
		b.take()
		h.cfg.Limits.Messages = 10
		for range 3 {
			h.stop()
			h.start()
			<-time.After(5 * time.Second)
			if got := textsOf(b.take()); !slices.Equal(got, all[:10]) {
				t.Fatalf("got %v", got)
			}
		}
		h.stop()
		b.acks(true)
		h.start()
		for _, p := range pubs {
			must(t, p.Wait(short(t)))
		}
		if got := textsOf(b.take()); !slices.Equal(got, all) {
			t.Errorf("got %v", got)
		}
	})
}

// TestDedup: a copy of a message that was acked is acked too and not handed out, subscribed or received.
func TestDedup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{Dedup: NewDedup(100, time.Hour)}))
		c := h.client(nil)
		id := NewMessageID()
		h.deaf(true) // the ack is lost
		b.acks(true)
		p, err := c.PublishAsync(t.Context(), "t", []byte("1"), WithMessageID(id))
		must(t, err)
		r, err := c.PublishAsync(t.Context(), "received", []byte("2"))
		must(t, err)
		synctest.Wait()
		m, err := h.ends[0].Receive(short(t))
		must(t, err)
		must(t, m.Ack())
		if got := b.take(); len(got) != 1 || got[0].ID != id {
			t.Fatalf("got %v", textsOf(got))
		}
		h.stop()
		h.deaf(false)
		h.start()
		must(t, p.Wait(short(t)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		synctest.Wait()
		_, err = h.ends[0].Receive(ctx)
		want(t, err, context.DeadlineExceeded)
		must(t, r.Wait(short(t)))
		must(t, c.Publish(t.Context(), "t", []byte("new")))
		if got := textsOf(b.take()); !slices.Equal(got, []string{"new"}) {
			t.Errorf("got %v", got)
		}
	})
}

// TestDedupPlaces: copies that are not handed out give their places back, those that nobody waits for too.
func TestDedupPlaces(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		c, _ := pair(t, nil, &Config{Dedup: NewDedup(1, 0), Limits: Limits{Messages: 4}, Setup: func(e *End) error {
			e.Subscribe("t", func(context.Context, *Message) error { n++; return nil })
			return nil
		}})
		id := NewMessageID()
		for range 10 {
			must(t, c.Publish(short(t), "t", make([]byte, 1<<20), WithMessageID(id)))
			must(t, c.Publish(short(t), "t", nil, WithMessageID(id), NoAck()))
		}
		if n != 1 {
			t.Errorf("handed out %d times", n)
		}
	})
}

// TestDedupNack: a message that was nacked is not remembered.
func TestDedupNack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		c, _ := pair(t, nil, &Config{Dedup: NewDedup(1, 0), Setup: func(e *End) error {
			e.Subscribe("t", func(context.Context, *Message) error { n++; return errors.New("no") })
			return nil
		}})
		id := NewMessageID()
		for range 2 {
			want(t, c.Publish(t.Context(), "t", nil, WithMessageID(id)), Unknown)
		}
		if n != 2 {
			t.Errorf("handed out %d times", n)
		}
	})
}

// TestNewDedup: what is remembered is bounded by number and time.
func TestNewDedup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := NewDedup(3, time.Minute)
		var ids []MessageID
		for range 5 {
			ids = append(ids, NewMessageID())
			d.Add(ids[len(ids)-1])
			d.Add(ids[len(ids)-1])
		}
		for i, id := range ids {
			if d.Seen(id) != (i >= 2) {
				t.Errorf("id %d: seen %v", i, d.Seen(id))
			}
		}
		<-time.After(time.Minute)
		if d.Seen(ids[4]) {
			t.Error("remembered for too long")
		}
		d.Add(ids[4])
		if !d.Seen(ids[4]) || d.Seen(NewMessageID()) {
			t.Error("an id that was added again is not seen")
		}
	})
}
