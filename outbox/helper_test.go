package outbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

const testPath = "dir/box"

// silent are options that log nothing.
func silent(o Options) *Options {
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	return &o
}

// openOn opens the test's file on d.
func openOn(t testing.TB, d *fakeDisk, o Options) *File {
	t.Helper()
	f, err := open(d, testPath, silent(o))
	must(t, err)
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want fails the test unless err is each of targets, and reads like our errors.
func want(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Fatalf("error is %v, want one that is %v", err, target)
		}
	}
	if strings.Count(err.Error(), "gantline: ") != 1 || !strings.HasPrefix(err.Error(), "gantline: ") {
		t.Errorf("error reads %q", err)
	}
}

// message returns the n-th message of a test: all its parts depend on n.
func message(n int) *gantline.KeptMessage {
	m := &gantline.KeptMessage{
		Topic: fmt.Sprintf("topic.%d", n),
		Codec: uint8(n % 3),
		Body:  []byte(strings.Repeat(fmt.Sprint(n, " "), n%7)),
		At:    time.Unix(1700000000+int64(n), int64(n)),
	}
	m.ID[0], m.ID[1], m.ID[15] = byte(n), byte(n>>8), 1
	if n%2 == 1 {
		m.Metadata = gantline.Metadata{"k": {fmt.Sprint(n), ""}, "l": {"x"}}
	}
	return m
}

// idsOf lists what is kept for peer.
func idsOf(t testing.TB, f *File, peer string) (ids []gantline.MessageID) {
	t.Helper()
	all, err := f.Pending(peer)
	must(t, err)
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

// check fails the test unless exactly the messages with those numbers are kept for peer, complete and in order.
func check(t testing.TB, f *File, peer string, numbers ...int) {
	t.Helper()
	all, err := f.Pending(peer)
	must(t, err)
	if len(all) != len(numbers) {
		t.Fatalf("%d messages are kept for %q, want %v", len(all), peer, numbers)
	}
	for i, m := range all {
		w := message(numbers[i])
		if !m.At.Equal(w.At) || !slices.Equal(m.Body, w.Body) {
			t.Fatalf("message %d is %v, want %v", i, m, w)
		}
		m.At, m.Body, w.At, w.Body = time.Time{}, nil, time.Time{}, nil
		if !reflect.DeepEqual(m, w) {
			t.Fatalf("message %d is %+v, want %+v", i, m, w)
		}
	}
}

// keep keeps messages and fails the test if that fails.
func keep(t testing.TB, f *File, peer string, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		must(t, f.Keep(peer, message(n)))
	}
}

// forget is the same for messages that are answered.
func forget(t testing.TB, f *File, peer string, numbers ...int) {
	t.Helper()
	var ids []gantline.MessageID
	for _, n := range numbers {
		ids = append(ids, message(n).ID)
	}
	must(t, f.Forget(peer, ids...))
}
