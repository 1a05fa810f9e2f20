package mux

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
)

func TestYamuxConfigErrors(t *testing.T) {
	a, b := memPair(t)
	defer b.Close()
	for _, cfg := range []*YamuxConfig{nil, {}, {Acceptor: newTestAcceptor(), Heartbeat: -1}, {Acceptor: newTestAcceptor(), CloseTimeout: -1}} {
		if y, err := YamuxClient(a, cfg); y != nil || err == nil {
			t.Errorf("%+v: got %v, %v", cfg, y, err)
		}
	}
	if _, err := a.Write([]byte("x")); err != nil {
		t.Errorf("the connection was touched: %v", err)
	}
}

func TestYamuxPreface(t *testing.T) {
	for b, want := range map[string]bool{"": false, "\x00": true, "\x00\x01\x00\x01": true, "\x16\x03": false, "GET ": false, "\x8AGNTL\r\n": false} {
		if YamuxPreface([]byte(b)) != want {
			t.Errorf("%q: want %v", b, want)
		}
	}
}

// TestYamuxStreamsOnly: what yamux cannot say is refused before anything is sent.
func TestYamuxStreamsOnly(t *testing.T) {
	c, _ := ourPair(t, nil)
	if c.Session().First() != nil {
		t.Error("there is a first stream")
	}
	ctx := context.Background()
	for _, o := range []*Open{{Name: "x"}, {Metadata: frame.AppendMetadata(nil, "a", nil)}, {Kind: frame.KindStreamingCall}} {
		if _, err := c.s.OpenStream(ctx, o, nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("OpenStream(%+v): %v", o, err)
		}
	}
	for _, k := range []frame.Kind{frame.KindCall, frame.KindMessage, frame.KindNotify, frame.KindUnackedMessage} {
		if err := c.s.Start(ctx, &Exchange{}, &Open{Kind: k}, nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Start(%v): %v", k, err)
		}
	}
}

// TestYamuxHeader: encoding and decoding are each other's inverse.
func TestYamuxHeader(t *testing.T) {
	for _, h := range []yamuxHeader{{0, 15, 1, 2}, {1, 1, 1<<32 - 1, 1<<32 - 1}, {2, 1, 0, 77}, {3, 0, 0, 2}} {
		b := appendYamux(nil, h)
		if got, err := parseYamux(b); got != h || err != nil {
			t.Errorf("%+v became %+v, %v", h, got, err)
		}
		if binary.BigEndian.Uint32(b[4:]) != h.id || len(b) != yamuxHeaderLen {
			t.Errorf("%+v became %x", h, b)
		}
	}
}

func TestYamuxIDs(t *testing.T) {
	var w yamuxIDs
	for _, tt := range []struct {
		id   uint32
		want yamuxVerdict
	}{
		{5, yamuxIDNew}, {1, yamuxIDNew}, {5, yamuxIDUsed}, {1, yamuxIDUsed}, {3, yamuxIDNew}, {3, yamuxIDUsed},
		{2*yamuxIDWindow + 3, yamuxIDNew}, {1, yamuxIDOld}, {3, yamuxIDOld}, {5, yamuxIDUsed}, {7, yamuxIDNew}, {7, yamuxIDUsed},
		{1<<32 - 1, yamuxIDNew}, {1<<32 - 1, yamuxIDUsed}, {7, yamuxIDOld}, {1<<32 - 3, yamuxIDNew}, {1<<32 - 2*yamuxIDWindow + 1, yamuxIDNew},
		{1<<32 - 2*yamuxIDWindow - 1, yamuxIDOld}, {1<<32 - 3, yamuxIDUsed},
	} {
		if v := w.look(tt.id); v != tt.want {
			t.Errorf("look(%d) = %d, want %d", tt.id, v, tt.want)
		}
		if v := w.take(tt.id); v != tt.want {
			t.Errorf("take(%d) = %d, want %d", tt.id, v, tt.want)
		}
	}
}

// TestYamuxOldID: an id too far below the highest is refused alone.
func TestYamuxOldID(t *testing.T) {
	e, r := rawPeer(t, false, nil)
	r.send(yamuxWindowUpdate, yamuxSYN, 2*yamuxIDWindow+1, 0)
	r.send(yamuxData, yamuxSYN|yamuxFIN, 1, 2, 'h', 'i')
	r.send(yamuxData, yamuxSYN, 3, 2, 'h', 'i')
	r.want(yamuxWindowUpdate, yamuxRST, 1, 0)
	if got := r.sync(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if n := len(e.acc.streams); n != 2 {
		t.Errorf("%d streams were announced", n)
	}
}

// TestYamuxOwnIDsSpent: opening ends before the ids do.
func TestYamuxOwnIDsSpent(t *testing.T) {
	e, r := rawPeer(t, true, nil)
	e.s.opens.nextID.Store(1<<32 - 1<<18 - 1)
	for _, id := range []uint32{1<<32 - 1<<18 - 1, 1<<32 - 1<<18 + 1} {
		st := e.open(t)
		r.want(yamuxWindowUpdate, yamuxSYN, id, 0)
		st.(*Stream).Reset(frame.Canceled, "")
		r.want(yamuxWindowUpdate, yamuxRST, id, 0)
	}
	r.sync()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := e.s.OpenStream(ctx, &Open{}, nil); err != errYamuxIDs {
		t.Errorf("OpenStream: %v", err)
	}
}
