package chaos

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestConnLatency: bytes are late by the given time, in order, and no slower otherwise. The same seed gives the
// same delays.
func TestConnLatency(t *testing.T) {
	run := func(seed uint64) (times []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			c, other := wrapped(t, &Config{Rules: MustParse("latency:20ms+-5ms"), Seed: seed})
			start := time.Now()
			for i := range 50 {
				c.Write([]byte{byte(i)})
				time.Sleep(time.Millisecond)
			}
			for i := range 50 {
				b := make([]byte, 1)
				if _, err := other.Read(b); err != nil || b[0] != byte(i) {
					t.Fatalf("Read = %d, %v, want %d", b[0], err, i)
				}
				times = append(times, time.Since(start))
			}
		})
		return times
	}
	first, again, foreign := run(1), run(1), run(2)
	same := true
	for i := range first {
		sent := time.Duration(i) * time.Millisecond
		if late := first[i] - sent; i > 40 && (late < 15*time.Millisecond || late > 25*time.Millisecond) {
			t.Errorf("byte %d is %v late", i, late)
		}
		if first[i] != again[i] {
			t.Errorf("byte %d came at %v and at %v", i, first[i], again[i])
		}
		same = same && first[i] == foreign[i]
	}
	if same {
		t.Error("two seeds, the same delays")
	}
}

// TestConnLatencyCarries a stream that needs more than one trip's worth of buffer.
func TestConnLatencyCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, other := wrapped(t, rules("latency:50ms"))
		data := pattern(0, 1<<20)
		go func() {
			c.Write(data)
			c.CloseWrite()
		}()
		start := time.Now()
		got, err := io.ReadAll(other)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("it took %v, want 50ms: latency must not be a pause per piece", took)
		}
	})
}

// TestConnPeriod: a time recurs again and again, for all connections of a group.
func TestConnPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := NewGroup(rules("rst@every:1s", "stall#2"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for i := range 5 {
			a, b := memnet.Pipe()
			c := g.Wrap(a, Down)
			if c.ID() != i+1 || c.Group() != g {
				t.Errorf("ID = %d", c.ID())
			}
			c.Write([]byte("x"))
			n, err := io.Copy(io.Discard, b)
			if want := int64(1); i+1 == 2 && n != 0 || i+1 != 2 && n != want {
				t.Errorf("connection %d: %d bytes", i+1, n)
			}
			if took := time.Since(start); !errors.Is(err, syscall.ECONNRESET) || took != time.Duration(i+1)*time.Second {
				t.Errorf("connection %d: %v after %v", i+1, err, took)
			}
			if _, err := c.Write(nil); err != nil {
				var op *net.OpError
				if !errors.As(err, &op) || op.Net != "chaos" || op.Addr != a.RemoteAddr() || !isReset(err) {
					t.Errorf("Write: %v", err)
				}
			}
			c.Close()
			b.Close()
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}
