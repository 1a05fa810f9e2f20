package gantline

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// receiveOne receives with a limit of time, so that a lost message fails the test.
func receiveOne(t testing.TB, st *Stream) *Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := st.Receive(ctx)
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	return m
}

// publishing publishes in the background; call the result for the outcome.
func publishing(st *Stream, topic string, body []byte, opts ...PublishOption) func() error {
	done := make(chan error, 1)
	go func() { done <- st.Publish(context.Background(), topic, body, opts...) }()
	return func() error { return <-done }
}

func TestPublishReceiveAck(t *testing.T) {
	c, s := pair(t, nil, nil)
	for _, tc := range []struct {
		name string
		body []byte
	}{{"empty", nil}, {"small", []byte("hello")}, {"one frame", bytes.Repeat([]byte("x"), 40<<10)}, {"many frames", bytes.Repeat([]byte("yz"), 1<<20)}} {
		for _, dir := range []struct{ from, to *End }{{c, s}, {s, c}} {
			wait := publishing(dir.from.Stream, "a.topic", tc.body, WithMetadata(Metadata{"k": {"v", "w"}}))
			m := receiveOne(t, dir.to.Stream)
			if m.Topic != "a.topic" || !bytes.Equal(m.Body, tc.body) || m.Metadata.Get("k") != "v" || len(m.Metadata.Values("k")) != 2 {
				t.Errorf("%s: got %q, %d bytes, %v", tc.name, m.Topic, len(m.Body), m.Metadata)
			}
			if m.Stream != dir.to.Stream || m.Redelivered || m.ID == (MessageID{}) {
				t.Errorf("%s: stream %p, redelivered %v, id %v", tc.name, m.Stream, m.Redelivered, m.ID)
			}
			if _, ok := m.Deadline(); ok {
				t.Errorf("%s: has a deadline", tc.name)
			}
			if err := m.Ack(); err != nil {
				t.Errorf("%s: Ack: %v", tc.name, err)
			}
			if err := wait(); err != nil {
				t.Errorf("%s: Publish: %v", tc.name, err)
			}
		}
	}
}

func TestNackReachesPublisher(t *testing.T) {
	c, s := pair(t, nil, nil)
	for _, tc := range []struct {
		err  error
		code Code
		text string
	}{
		{errors.New("disk is full"), Unknown, "disk is full"},
		{nil, Unknown, ""},
		{NotFound, NotFound, ""},
		{&Error{Code: Aborted, Message: "try again", Detail: []byte("detail")}, Aborted, "try again"},
		{errors.New(strings.Repeat("long ", 1000)), Unknown, "long long"},
		{OK, Internal, "OK"},
	} {
		wait := publishing(c.Stream, "t", nil)
		if err := receiveOne(t, s.Stream).Nack(tc.err); err != nil {
			t.Errorf("Nack: %v", err)
		}
		err := wait()
		var e *Error
		if !errors.As(err, &e) || !e.Remote || e.Code != tc.code || !strings.HasPrefix(e.Message, tc.text) && !strings.Contains(e.Message, tc.text) || e.Method != "t" {
			t.Errorf("Nack(%.40v): publisher got %#v", tc.err, err)
		}
		if !errors.Is(err, tc.code) || strings.Count(err.Error(), "gantline: ") != 1 {
			t.Errorf("Nack(%.40v): publisher got %v", tc.err, err)
		}
		if tc.code == Aborted && string(e.Detail) != "detail" {
			t.Errorf("detail is %q", e.Detail)
		}
	}
}

func TestFirstOutcomeWins(t *testing.T) {
	c, s := pair(t, nil, nil)
	for _, first := range []string{"acked", "nacked"} {
		wait := publishing(c.Stream, "t", nil)
		m := receiveOne(t, s.Stream)
		var err error
		if first == "acked" {
			err = m.Ack()
		} else {
			err = m.Nack(NotFound)
		}
		if err != nil {
			t.Errorf("first: %v", err)
		}
		for _, err := range []error{m.Ack(), m.Nack(Aborted)} {
			if !errors.Is(err, FailedPrecondition) || !strings.Contains(err.Error(), first) {
				t.Errorf("after %s: %v", first, err)
			}
		}
		if err := wait(); (err == nil) != (first == "acked") {
			t.Errorf("%s: Publish: %v", first, err)
		}
	}
}

func TestMessageIdentity(t *testing.T) {
	c, s := pair(t, nil, nil)
	id := NewMessageID()
	wait := publishing(c.Stream, "t", nil, WithMessageID(id), Redelivered(), WithMetadata(Metadata{"k": {"v"}}))
	m := receiveOne(t, s.Stream)
	if m.ID != id || !m.Redelivered || len(m.Metadata) != 1 {
		t.Errorf("got id %v, redelivered %v, metadata %v", m.ID, m.Redelivered, m.Metadata)
	}
	_ = m.Ack()
	_ = wait()

	seen := map[MessageID]bool{}
	for range 100 {
		p, err := c.PublishAsync(t.Context(), "t", nil)
		if err != nil {
			t.Fatal(err)
		}
		m := receiveOne(t, s.Stream)
		if seen[m.ID] {
			t.Fatalf("id %v came twice", m.ID)
		}
		seen[m.ID] = true
		_ = m.Ack()
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMessageIDText(t *testing.T) {
	a, b := NewMessageID(), NewMessageID()
	if a == b || a == (MessageID{}) || !bytes.Equal(a[:8], b[:8]) {
		t.Errorf("ids %v and %v", a, b)
	}
	got, err := ParseMessageID(a.String())
	if err != nil || got != a || len(a.String()) != 32 {
		t.Errorf("%q parses to %v, %v", a.String(), got, err)
	}
	for _, s := range []string{"", "zz", a.String()[1:], a.String() + "0", strings.Repeat("g", 32), strings.Repeat("0", 1000)} {
		if id, err := ParseMessageID(s); err == nil || id != (MessageID{}) || len(err.Error()) > 200 {
			t.Errorf("%.40q parses to %v, %v", s, id, err)
		}
	}
}

func TestPublisherGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		for range cap(done) {
			go func() { done <- c.Publish(ctx, "t", nil) }()
		}
		m := receiveOne(t, s.Stream)
		synctest.Wait()
		cancel()
		for range cap(done) {
			want(t, <-done, context.Canceled, Canceled)
		}
		synctest.Wait()
		want(t, m.Ack(), Canceled) // handed out before; the other one is gone
		wait := publishing(c.Stream, "next", nil)
		if m := receiveOne(t, s.Stream); m.Topic != "next" {
			t.Errorf("got what its publisher has given up")
		} else {
			must(t, m.Ack())
		}
		must(t, wait())
	})
}

func TestDeadlineTravels(t *testing.T) {
	c, s := pair(t, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	p, err := c.PublishAsync(ctx, "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := receiveOne(t, s.Stream)
	if d, ok := m.Deadline(); !ok || time.Until(d) > time.Hour || time.Until(d) < 59*time.Minute {
		t.Errorf("deadline %v, %v", d, ok)
	}
	_ = m.Ack()
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAckAfterClose(t *testing.T) {
	c, s := pair(t, nil, nil)
	p1, err := c.PublishAsync(t.Context(), "t", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PublishAsync(t.Context(), "t", []byte("2")); err != nil {
		t.Fatal(err)
	}
	first := receiveOne(t, s.Stream)
	_ = c.Close()
	<-s.Context().Done()
	if err := p1.Err(); !errors.Is(err, net.ErrClosed) || !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("publication after Close: %v", err)
	}
	second := receiveOne(t, s.Stream)
	if string(second.Body) != "2" {
		t.Errorf("got %q", second.Body)
	}
	for _, m := range []*Message{first, second} {
		if err := m.Ack(); !errors.Is(err, net.ErrClosed) || strings.Count(err.Error(), "gantline: ") != 1 {
			t.Errorf("Ack after the peer's Close: %v", err)
		}
	}
	if _, err := s.Receive(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive after the last: %v", err)
	}
	if _, err := c.PublishAsync(t.Context(), "t", nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("PublishAsync after Close: %v", err)
	}
	if err := c.Publish(t.Context(), "t", nil); !errors.Is(err, net.ErrClosed) || !errors.Is(err, ErrNotSent) {
		t.Errorf("Publish after Close: %v", err)
	}
	_ = s.Close()
	if _, err := s.Receive(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive after Close here: %v", err)
	}
}
