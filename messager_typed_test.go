package gantline

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/internal/codec"
)

type reading struct {
	Sensor string  `json:"sensor"`
	Value  float64 `json:"value"`
}

func TestTypedTopic(t *testing.T) {
	const readings Topic[reading] = "sensors.readings"
	for _, codec := range []Codec{nil, JSON} { // only the publisher's counts
		c, s := pair(t, &Config{Codec: codec}, nil)
		got := make(chan reading, 2)
		readings.Subscribe(s, func(_ context.Context, v reading, m *Message) error {
			if m.Topic != string(readings) || m.Metadata.Get("k") != "v" {
				t.Errorf("topic %q, metadata %v", m.Topic, m.Metadata)
			}
			got <- v
			return nil
		})
		want := reading{"north", 21.5}
		meta := WithMetadata(Metadata{"k": {"v"}})
		if err := readings.Publish(t.Context(), c, want, meta); err != nil {
			t.Fatal(err)
		}
		p, err := readings.PublishAsync(t.Context(), c, want, meta)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b := <-got, <-got; a != want || b != want {
			t.Errorf("got %v and %v", a, b)
		}
	}
}

func TestTypedTopicRaw(t *testing.T) {
	const blobs Topic[[]byte] = "blobs"
	c, s := pair(t, nil, nil)
	got := make(chan string, 1)
	blobs.Subscribe(s, func(_ context.Context, v []byte, m *Message) error {
		if m.codec != codec.RawID {
			t.Errorf("codec %d", m.codec)
		}
		got <- string(v)
		return nil
	})
	if err := blobs.Publish(t.Context(), c, []byte("bytes")); err != nil || <-got != "bytes" {
		t.Fatal(err)
	}
}

func TestTypedTopicErrors(t *testing.T) {
	c, s := pair(t, nil, nil)
	Topic[int]("*").Subscribe(s, func(context.Context, int, *Message) error { return nil })
	if err := Topic[int]("n").Publish(t.Context(), c, 1); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"a string as int":     Topic[string]("n").Publish(t.Context(), c, "text"),
		"raw bytes as int":    c.Publish(t.Context(), "n", []byte{1}),
		"a bomb":              c.Publish(t.Context(), "n", []byte{0xdd, 0xff, 0xff, 0xff, 0xff}, codecOption(codec.MsgpackID)),
		"cannot be encoded":   Topic[chan int]("n").Publish(t.Context(), c, nil),
		"cannot be sent":      func() error { _, err := Topic[func()]("n").PublishAsync(t.Context(), c, func() {}); return err }(),
		"wildcard to publish": Topic[int]("*").Publish(t.Context(), c, 1),
	} {
		if !errors.Is(err, InvalidArgument) || strings.Count(err.Error(), "gantline: ") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Publish(t.Context(), "n", []byte{1}, codecOption(200)); !errors.Is(err, Unimplemented) {
		t.Errorf("an unknown codec: %v", err)
	}
	defer func() {
		if v := recover(); v == nil {
			t.Error("a nil function was accepted")
		}
	}()
	Topic[int]("x").Subscribe(s, nil)
}
