package gantline

import (
	"context"
	"log/slog"
	"net"
	"strings"
)

// loseUntil loses the session, and begins a server that refuses another one.
func (r *callbackRig) loseUntil(refused Code) {
	r.h.lose()
	r.h.turnAway(refused)
	r.h.open()
}

// hookedBox is an Outbox whose methods run the callback.
type hookedBox struct {
	*memoryBox
	r    *callbackRig
	name string
}

func (b *hookedBox) Keep(peer string, m *KeptMessage) error {
	if b.name == "Keep" {
		b.r.ofTest()
	}
	return b.memoryBox.Keep(peer, m)
}

func (b *hookedBox) Forget(peer string, ids ...MessageID) error {
	if b.name == "Forget" {
		b.r.ofTest()
	}
	return b.memoryBox.Forget(peer, ids...)
}

func (b *hookedBox) Pending(peer string) ([]*KeptMessage, error) {
	if b.name == "Pending" {
		b.r.ofTest()
	}
	return b.memoryBox.Pending(peer)
}

// hookedDedup is a Dedup whose methods run the callback.
type hookedDedup struct {
	Dedup
	r    *callbackRig
	name string
}

func (d *hookedDedup) Seen(id MessageID) bool {
	if d.name == "Seen" {
		d.r.ofTest()
	}
	return d.Dedup.Seen(id)
}

func (d *hookedDedup) Add(id MessageID) {
	if d.name == "Add" {
		d.r.ofTest()
	}
	d.Dedup.Add(id)
}

// logHandler is a slog.Handler that runs the callback for records with a text. Others have a lock, which the log of
// another goroutine would wait for.
type logHandler struct {
	r    *callbackRig
	text string
}

func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h logHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h logHandler) WithGroup(string) slog.Handler            { return h }

func (h logHandler) Handle(_ context.Context, rec slog.Record) error {
	if strings.Contains(rec.Message, h.text) {
		h.r.ofTest()
	}
	return nil
}

// hookedCodec is a Codec whose Unmarshal runs the callback.
type hookedCodec struct {
	Codec
	r *callbackRig
}

func (c hookedCodec) Unmarshal(b []byte, v any) error {
	c.r.ofTest()
	return c.Codec.Unmarshal(b, v)
}

// hookedConn is a carrier whose Read runs the callback.
type hookedConn struct {
	net.Conn
	r *callbackRig
}

func (c hookedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.r.ofTest()
	return n, err
}
