package carrier

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSlowConn: a connection in memory behaves like a net.Conn.
func TestSlowConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := slowPair(time.Millisecond, 0)
		return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
	})
}

// TestDelay: bytes and the end arrive after the delay, in order, and a rate spreads them.
func TestDelay(t *testing.T) {
	for _, tc := range []struct {
		kind  Kind
		bytes int
		want  time.Duration
	}{
		{Far, 1, 30 * time.Millisecond},
		{Far, 1 << 20, 30 * time.Millisecond},
		{Narrow, 125_000, 20 * time.Millisecond},
		{Narrow, 1_250_000, 110 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, b := slowPair(tc.kind.Delay, tc.kind.Rate)
			sent := bytes.Repeat([]byte("0123456"), tc.bytes/7+1)[:tc.bytes]
			began := time.Now()
			go func() {
				_, _ = a.Write(sent)
				_ = a.(*slowConn).CloseWrite()
			}()
			got, err := io.ReadAll(b)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
			}
			if took := time.Since(began); took < tc.want || took > tc.want+time.Millisecond {
				t.Errorf("%s: %d bytes took %v, want %v", tc.kind.Name, tc.bytes, took, tc.want)
			}
			_ = a.Close()
			_ = b.Close()
		})
	}
}

// TestPackets: datagrams keep their bounds and arrive after the delay; deadlines and Close wake all waiters.
func TestPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := (&Carrier{Kind: Far}).Packets()
		began := time.Now()
		for _, s := range []string{"one", "three"} {
			if _, err := near.WriteTo([]byte(s), far.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 100)
		for _, want := range []string{"one", "three"} {
			n, from, err := far.ReadFrom(buf)
			if err != nil || string(buf[:n]) != want || from.String() != near.LocalAddr().String() {
				t.Errorf("%q from %v, %v", buf[:n], from, err)
			}
		}
		if took := time.Since(began); took != 30*time.Millisecond {
			t.Error(took)
		}
		_ = far.SetReadDeadline(time.Now().Add(time.Second))
		if _, _, err := far.ReadFrom(buf); err == nil || time.Since(began) != 1030*time.Millisecond {
			t.Error(err, time.Since(began))
		}
		_ = far.Close()
		if _, _, err := far.ReadFrom(buf); err == nil {
			t.Error("reads after Close")
		}
		_ = near.Close()
	})
}

// TestKinds: each kind carries bytes both ways.
func TestKinds(t *testing.T) {
	for _, k := range []Kind{TCP, Unix, TLS, Far} {
		t.Run(k.Name, func(t *testing.T) {
			c, err := New(k, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			a, b, err := c.Pair(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			defer b.Close()
			for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
				buf := make([]byte, 4)
				if _, err := way[0].Write([]byte("ping")); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(way[1], buf); err != nil || string(buf) != "ping" {
					t.Errorf("%q, %v", buf, err)
				}
			}
		})
	}
}
