package conn

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// eachSocket runs a test over both kinds of socket. Their buffers are small: a kernel may take 32 MiB at once otherwise.
func eachSocket(t *testing.T, run func(t *testing.T, a, b net.Conn)) {
	for network, addr := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		t.Run(network, func(t *testing.T) {
			a, b := socketPipe(t, network, addr)
			defer a.Close()
			defer b.Close()
			for _, nc := range []net.Conn{a, b} {
				nc.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(32 << 10)
				nc.(interface{ SetReadBuffer(int) error }).SetReadBuffer(32 << 10)
			}
			run(t, a, b)
		})
	}
}

// TestSocketBothWays moves slices of all sizes both ways at once, through buffers that take a part of them.
func TestSocketBothWays(t *testing.T) {
	eachSocket(t, func(t *testing.T, a, b net.Conn) {
		sides := []socket{openSocket(a, func() {}), openSocket(b, func() {})}
		const total = 1 << 20
		var want, got [2][]byte
		var wg sync.WaitGroup
		for i, s := range sides {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			want[i] = make([]byte, total)
			for j := range want[i] {
				want[i][j] = byte(rnd.Uint32())
			}
			wg.Go(func() {
				for left := want[i]; len(left) > 0; {
					var bufs [][]byte
					for range 1 + rnd.IntN(9) {
						n := min(len(left), rnd.IntN(1<<uint(rnd.IntN(18))))
						bufs, left = append(bufs, left[:n]), left[n:]
					}
					if err := s.writeAll(bufs); err != nil {
						t.Error(err)
						return
					}
				}
			})
			wg.Go(func() {
				buf := make([]byte, 64<<10)
				for len(got[i]) < total {
					n, err := s.Read(buf)
					got[i] = append(got[i], buf[:n]...)
					if err != nil || n == 0 {
						t.Error(n, err)
						return
					}
				}
			})
		}
		wg.Wait()
		if !bytes.Equal(got[0], want[1]) || !bytes.Equal(got[1], want[0]) {
			t.Error("other bytes came")
		}
	})
}

// TestSocketErrors: they are what package net returns.
func TestSocketErrors(t *testing.T) {
	eachSocket(t, func(t *testing.T, a, b net.Conn) {
		s, buf := openSocket(a, func() {}), make([]byte, 10)
		if n, err := s.Read(nil); n != 0 || err != nil {
			t.Error("a read of nothing:", n, err)
		}
		if err := s.writeAll([][]byte{nil, {}}); err != nil {
			t.Error("a write of nothing:", err)
		}
		a.SetReadDeadline(time.Unix(1, 0))
		if n, err := s.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("after the deadline:", n, err)
		}
		a.SetReadDeadline(time.Time{})
		b.Write([]byte("x"))
		b.Close()
		if n, err := s.Read(buf); n != 1 || err != nil {
			t.Error("before the end:", n, err)
		}
		if n, err := s.Read(buf); n != 0 || err != io.EOF {
			t.Error("at the end:", n, err)
		}
		var err error
		for err == nil { // TCP learns of it from the answer to the first bytes
			err = s.writeAll([][]byte{buf, buf})
		}
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "write" || !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("to nobody: %#v", err)
		}
		a.Close()
		if n, err := s.Read(buf); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Error("closed:", n, err)
		}
		if err := s.writeAll([][]byte{buf}); !errors.Is(err, net.ErrClosed) {
			t.Error("closed:", err)
		}
	})
}

// TestSocketCloseWakes: a waiting call ends at Close.
func TestSocketCloseWakes(t *testing.T) {
	eachSocket(t, func(t *testing.T, a, _ net.Conn) {
		s := openSocket(a, func() {})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Error("read:", err)
			}
		})
		full := make(chan struct{})
		wg.Go(func() {
			a.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			big := [][]byte{make([]byte, 16<<20), make([]byte, 16<<20)}
			if err := s.writeAll(big); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("write into a full socket:", err)
			}
			a.SetWriteDeadline(time.Time{})
			close(full)
			if err := s.writeAll(big); !errors.Is(err, net.ErrClosed) {
				t.Error("write:", err)
			}
		})
		<-full
		a.Close()
		wg.Wait()
	})
}

// TestSocketProgress: a write that a slow peer takes a part of is not one of which the carrier takes no byte.
func TestSocketProgress(t *testing.T) {
	eachSocket(t, func(t *testing.T, a, b net.Conn) {
		l := newLink(a, silentDefaults(t), true)
		c := l.carrier()
		const begun = 1
		c.flushAt.Store(begun)
		done := make(chan error, 1)
		go func() { done <- c.writeAll([][]byte{make([]byte, 16<<20), make([]byte, 16<<20)}) }()
		for buf := make([]byte, 64<<10); c.flushAt.Load() == begun; {
			select {
			case err := <-done:
				t.Fatalf("the write ended (%v) and showed no progress", err)
			default:
			}
			if err := b.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Read(buf); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
		a.Close()
		<-done
	})
}

// TestSocketOthers: any other net.Conn is used as it is.
func TestSocketOthers(t *testing.T) {
	a, b := memnet.Pipe()
	defer a.Close()
	defer b.Close()
	if openSocket(a, func() {}) != nil {
		t.Error("a socket without a file descriptor")
	}
}
