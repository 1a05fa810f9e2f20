package gantline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// flipConn changes one byte of what is read or written.
type flipConn struct {
	net.Conn
	written bool // what is written, not what is read
	at      int64
	mask    byte
	n       *atomic.Int64 // bytes so far
}

func (c *flipConn) flip(b []byte) {
	from := c.n.Add(int64(len(b))) - int64(len(b))
	if i := c.at - from; i >= 0 && i < int64(len(b)) {
		b[i] ^= c.mask
	}
}

func (c *flipConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.written {
		c.flip(b[:n])
	}
	return n, err
}

func (c *flipConn) Write(b []byte) (int, error) {
	if c.written {
		b = bytes.Clone(b)
		c.flip(b)
	}
	return c.Conn.Write(b)
}

// flipped runs a transfer, in which one byte of the first carrier is changed, and returns how many there were.
func flipped(t *testing.T, client, server bool, written bool, at int64, mask byte) int64 {
	type message struct {
		topic string
		body  []byte
	}
	taken := make(chan message, 10)
	h := newTestServer(t, &Config{Checksum: server, Setup: func(e *End) error {
		e.Handle("echo", echo)
		e.Subscribe("topic", func(_ context.Context, m *Message) error {
			taken <- message{m.Topic, bytes.Clone(m.Body)}
			return nil
		})
		go func() { // ends with the End
			for {
				st, err := e.AcceptStream(context.Background())
				if err != nil {
					return
				}
				_, _ = io.Copy(st, st)
				_ = st.Close()
			}
		}()
		return nil
	}})
	var n atomic.Int64
	first := true
	dial := func(ctx context.Context) (net.Conn, error) {
		nc, err := h.dial(ctx)
		if err == nil && first {
			first = false
			nc = &flipConn{nc, written, at, mask, &n}
		}
		return nc, err
	}
	var c *End
	for c == nil {
		nc, err := dial(t.Context())
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if c, err = Client(ctx, nc, quiet(&Config{Checksum: client, Redial: dial})); err != nil {
			c = nil // the handshake was changed, and that was found
		}
		cancel()
	}
	defer c.Close()
	ctx := short(t)
	want := make([]byte, 700)
	for i := range want {
		want[i] = byte(i * 7)
	}
	for {
		err := transfer(ctx, c, want)
		if err == nil {
			break
		}
		// The session that a changed handshake began was never one: what is begun in it is lost, and says so.
		if !errors.Is(err, ErrSessionLost) || n.Load() > 0 && at >= handshakeBytes {
			t.Fatalf("byte %d, %v, written %v: %v", at, mask, written, err)
		}
	}
	m := <-taken
	if m.topic != "topic" || !bytes.Equal(m.body, want) {
		t.Fatalf("byte %d: another message came: %q, %d bytes", at, m.topic, len(m.body))
	}
	if len(taken) > 0 {
		t.Fatalf("byte %d: the message came twice", at)
	}
	return n.Load()
}

// handshakeBytes is more than HELLO and WELCOME have.
const handshakeBytes = 200

// transfer sends and receives want in every way there is.
func transfer(ctx context.Context, c *End, want []byte) error {
	body, err := c.Call(ctx, "echo", want)
	if err != nil {
		return err
	}
	if !bytes.Equal(body, want) {
		return errors.New("another answer came")
	}
	st, err := c.OpenStream(ctx)
	if err != nil {
		return err
	}
	if _, err := st.Write(want); err != nil {
		return err
	}
	if err := st.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(st)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("other bytes came back")
	}
	return c.Publish(ctx, "topic", want)
}

// TestChecksumFlips: whichever byte of a connection is changed, exactly what was sent arrives, once, and nobody has an
// error for it.
func TestChecksumFlips(t *testing.T) {
	for name, written := range map[string]bool{"client to server": true, "server to client": false} {
		t.Run(name, func(t *testing.T) {
			var total int64
			bubble(t, func(t *testing.T) { total = flipped(t, true, false, written, -1, 1) })
			step := int64(1)
			if testing.Short() {
				step = 7
			}
			for at := int64(0); at < total+50; at += step {
				mask := byte(1) << (at % 8)
				if at%3 == 0 {
					mask = 0xFF
				}
				bubble(t, func(t *testing.T) { flipped(t, true, at%2 == 0, written, at, mask) })
				if t.Failed() {
					t.Fatalf("at byte %d", at)
				}
			}
		})
	}
}

// TestChecksumWanted: both sides have checksums if either asks.
func TestChecksumWanted(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, server := range []bool{false, true} {
			t.Run(fmt.Sprint(client, server), func(t *testing.T) {
				c, s := pair(t, &Config{Checksum: client}, &Config{Checksum: server})
				s.Handle("echo", echo)
				if _, err := c.Call(short(t), "echo", make([]byte, 1<<20)); err != nil {
					t.Fatal(err)
				}
				for _, e := range []*End{c, s} {
					if e.Stats().Link.Sums != (client || server) {
						t.Errorf("%v has checksums: %v", e.Side(), e.Stats().Link.Sums)
					}
				}
			})
		}
	}
}
