package memnet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// mustWrite writes s and fails the test if not all of it was taken.
func mustWrite(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("Write(%d bytes) = %d, %v", len(s), n, err)
	}
}

// wantRead expects one Read of up to 1 KiB to return s.
func wantRead(t *testing.T, c net.Conn, s string) {
	t.Helper()
	buf := make([]byte, 1024)
	n, err := c.Read(buf)
	if err != nil || string(buf[:n]) != s {
		t.Fatalf("Read = %q, %v, want %q", buf[:n], err, s)
	}
}

// wantFail expects a call that moved nothing and failed with target.
func wantFail(t *testing.T, what string, n int, err, target error) {
	t.Helper()
	if n != 0 || !errors.Is(err, target) {
		t.Fatalf("%s = %d, %v, want 0, %v", what, n, err, target)
	}
}

func wantReadFail(t *testing.T, c net.Conn, target error) {
	t.Helper()
	n, err := c.Read(make([]byte, 16))
	wantFail(t, "Read", n, err, target)
}

func wantWriteFail(t *testing.T, c net.Conn, target error) {
	t.Helper()
	n, err := c.Write(make([]byte, 16))
	wantFail(t, "Write", n, err, target)
}

// TestErrors says what each end gets after something happened to the connection.
func TestErrors(t *testing.T) {
	past := time.Unix(1, 0)
	tests := []struct {
		name                           string
		do                             func(a, b *Conn)
		aRead, aWrite, bRead, bWrite   error
		aClose, aCloseWrite, aDeadline error
	}{
		{name: "close", do: func(a, _ *Conn) { a.Close() },
			aRead: net.ErrClosed, aWrite: net.ErrClosed, bRead: io.EOF, bWrite: syscall.EPIPE,
			aClose: net.ErrClosed, aCloseWrite: net.ErrClosed, aDeadline: net.ErrClosed},
		{name: "peer closed", do: func(_, b *Conn) { b.Close() },
			aRead: io.EOF, aWrite: syscall.EPIPE, bRead: net.ErrClosed, bWrite: net.ErrClosed},
		{name: "cut", do: func(a, _ *Conn) { a.Cut() },
			aRead: syscall.ECONNRESET, aWrite: syscall.ECONNRESET, bRead: syscall.ECONNRESET, bWrite: syscall.ECONNRESET,
			aCloseWrite: syscall.ECONNRESET},
		{name: "cut after close", do: func(a, b *Conn) { a.Close(); b.Cut() },
			aRead: net.ErrClosed, aWrite: net.ErrClosed, bRead: syscall.ECONNRESET, bWrite: syscall.ECONNRESET,
			aClose: net.ErrClosed, aCloseWrite: net.ErrClosed, aDeadline: net.ErrClosed},
		{name: "deadline", do: func(a, b *Conn) { a.SetDeadline(past); b.SetDeadline(past) },
			aRead: os.ErrDeadlineExceeded, aWrite: os.ErrDeadlineExceeded, bRead: os.ErrDeadlineExceeded, bWrite: os.ErrDeadlineExceeded},
		{name: "both half closed", do: func(a, b *Conn) { a.CloseWrite(); b.CloseWrite(); a.CloseWrite() },
			aRead: io.EOF, aWrite: syscall.EPIPE, bRead: io.EOF, bWrite: syscall.EPIPE},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := Pipe()
			defer b.Close()
			defer a.Close()
			tt.do(a, b)
			wantReadFail(t, a, tt.aRead)
			wantWriteFail(t, a, tt.aWrite)
			wantReadFail(t, b, tt.bRead)
			wantWriteFail(t, b, tt.bWrite)
			wantFail(t, "SetDeadline", 0, a.SetDeadline(past), tt.aDeadline)
			wantFail(t, "CloseWrite", 0, a.CloseWrite(), tt.aCloseWrite)
			wantFail(t, "Close", 0, a.Close(), tt.aClose)
		})
	}
}

// TestEmptyCalls: calls that move nothing still report a dead connection.
func TestEmptyCalls(t *testing.T) {
	a, b := Pipe()
	for _, call := range []func([]byte) (int, error){a.Read, a.Write} {
		if n, err := call(nil); n != 0 || err != nil {
			t.Fatalf("empty call = %d, %v", n, err)
		}
	}
	a.Close()
	for _, call := range []func([]byte) (int, error){a.Read, a.Write} {
		n, err := call(nil)
		wantFail(t, "empty call", n, err, net.ErrClosed)
	}
	b.Close()
}

func TestBufferIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(WithBuffer(10))
		defer b.Close()
		defer a.Close()
		a.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := a.Write([]byte("0123456789abcdef"))
		if n != 10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write into a full buffer = %d, %v, want 10, deadline", n, err)
		}
		if a.Buffered() != 10 {
			t.Fatalf("Buffered = %d, want 10", a.Buffered())
		}
		wantRead(t, b, "0123456789")
	})
}

func TestHalfClose(t *testing.T) {
	a, b := Pipe()
	defer b.Close()
	defer a.Close()
	mustWrite(t, a, "question")
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	if string(got) != "question" || err != nil {
		t.Fatalf("ReadAll = %q, %v", got, err)
	}
	mustWrite(t, b, "answer")
	wantRead(t, a, "answer")
	wantWriteFail(t, a, syscall.EPIPE)
}

func TestCloseKeepsWhatWasWritten(t *testing.T) {
	a, b := Pipe()
	mustWrite(t, b, "unread")
	mustWrite(t, a, "last words")
	a.Close()
	got, err := io.ReadAll(b)
	if string(got) != "last words" || err != nil {
		t.Fatalf("ReadAll = %q, %v", got, err)
	}
	b.Close()
}

func TestCloseWithReset(t *testing.T) {
	a, b := Pipe(WithReset())
	mustWrite(t, b, "unread")
	mustWrite(t, a, "last words")
	a.Close()
	wantReadFail(t, b, syscall.ECONNRESET)
	b.Close()
}

// TestConcurrentWrites: the bytes of one Write stay together though it waits for room many times.
func TestConcurrentWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(WithBuffer(7))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if _, err := a.Write(bytes.Repeat([]byte{byte('a' + i)}, 100)); err != nil {
					t.Error(err)
				}
			})
		}
		buf := make([]byte, 100)
		for range 8 {
			if _, err := io.ReadFull(b, buf); err != nil {
				t.Fatal(err)
			}
			if want := bytes.Repeat(buf[:1], 100); !bytes.Equal(buf, want) {
				t.Fatalf("mixed bytes: %q", buf)
			}
		}
		wg.Wait()
		a.Close()
		b.Close()
	})
}

// TestRing moves random amounts through a small ring and checks every byte.
func TestRing(t *testing.T) {
	for _, size := range []int{1, 2, 3, 511, 512, 513, 5000} {
		a, b := Pipe(WithBuffer(size))
		rng := rand.New(rand.NewPCG(1, uint64(size)))
		var sent, got byte
		for range 2000 {
			out := make([]byte, 1+rng.IntN(size))
			out = out[:min(len(out), size-a.Buffered())]
			for i := range out {
				out[i] = sent
				sent++
			}
			mustWrite(t, a, string(out))
			in := make([]byte, 1+rng.IntN(size))
			n, err := b.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range in[:n] {
				if x != got {
					t.Fatalf("size %d: byte %d, want %d", size, x, got)
				}
				got++
			}
		}
		a.Close()
		b.Close()
	}
}
