package mux

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// openBoth opens a stream at from and accepts it at to. A byte each way goes first, so that both know it.
func openBoth(t *testing.T, from, to *yamuxEnd) (a, b net.Conn) {
	t.Helper()
	a = from.open(t)
	b, err := to.accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [2][2]net.Conn{{a, b}, {b, a}} {
		if _, err := p[0].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(p[1], make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

func TestYamuxHalfClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		for i := range 4 {
			from, to := c, s
			if i%2 == 1 {
				from, to = s, c
			}
			a, b := openBoth(t, from, to)
			if i < 2 {
				a, b = b, a
			}
			if _, err := a.Write(pattern(100_000, 0)); err != nil {
				t.Fatal(err)
			}
			if err := closeWrite(a); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(b)
			if err != nil || !bytes.Equal(got, pattern(100_000, 0)) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if _, err := a.Write([]byte("x")); err == nil {
				t.Error("wrote after the end")
			}
			for range 3 { // the other direction goes on
				if _, err := b.Write(pattern(100_000, 1)); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 100_000)
				if _, err := io.ReadFull(a, got); err != nil || !bytes.Equal(got, pattern(100_000, 1)) {
					t.Fatal(err)
				}
			}
			if err := closeWrite(b); err != nil {
				t.Fatal(err)
			}
			if n, err := a.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Fatalf("read %d, %v after the end", n, err)
			}
		}
		waitNoStreams(t, c, s)
	})
}

// TestYamuxGreeting: the acceptor writes first, before and after the opener, many times.
func TestYamuxGreeting(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		for _, p := range [2][2]*yamuxEnd{{c, s}, {s, c}} {
			var wg sync.WaitGroup
			wg.Go(func() {
				for range 100 {
					nc, err := p[1].accept()
					if err != nil {
						t.Error(err)
						return
					}
					nc.Write([]byte("hello"))
					nc.Close()
				}
			})
			for range 100 {
				nc := p[0].open(t)
				if got, err := io.ReadAll(nc); string(got) != "hello" || err != nil {
					t.Fatalf("greeting %q, %v", got, err)
				}
				nc.Close()
			}
			wg.Wait()
		}
		waitNoStreams(t, c, s)
	})
}

func TestYamuxSequential(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		go echoAll(c)
		go echoAll(s)
		for range 500 {
			echoOnce(t, c, []byte("ping"))
			echoOnce(t, s, []byte("pong"))
		}
		waitNoStreams(t, c, s)
	})
}

// TestYamuxManyOpeners: SYNs of openers that run at once overtake each other.
func TestYamuxManyOpeners(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		go echoAll(s)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 20 {
					echoOnce(t, c, []byte("hi"))
				}
			})
		}
		wg.Wait()
		waitNoStreams(t, c, s)
	})
}

func TestYamuxUnreadStreamStallsNobody(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		for _, p := range [2][2]*yamuxEnd{{c, s}, {s, c}} {
			from, to := p[0], p[1]
			a, b := openBoth(t, from, to)
			for total := 1; total != yamuxWindow; {
				a.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
				n, err := a.Write(make([]byte, 1<<20))
				if total += n; total > yamuxWindow || err == nil {
					t.Fatalf("wrote %d bytes into an unread stream, %v", total, err)
				}
			}
			x, y := openBoth(t, from, to)
			go func() {
				x.Write(pattern(1<<20, 2))
				closeWrite(x)
			}()
			if got, err := io.ReadAll(y); err != nil || !bytes.Equal(got, pattern(1<<20, 2)) {
				t.Errorf("beside it: %d bytes, %v", len(got), err)
			}
			for _, nc := range []net.Conn{a, b, x, y} {
				nc.Close()
			}
		}
	})
}

func TestYamuxPing(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		var wg sync.WaitGroup
		for _, e := range []*yamuxEnd{c, s} {
			for range 10 {
				wg.Go(func() {
					ping := func() (time.Duration, error) { return e.Ping(t.Context()) }
					if e.h != nil {
						ping = e.h.Ping
					}
					for range 20 {
						if rtt, err := ping(); err != nil || rtt <= 0 {
							t.Errorf("ping: %v, %v", rtt, err)
						}
					}
				})
			}
		}
		wg.Wait()
		for _, e := range []*yamuxEnd{c, s} {
			if e.h == nil && e.l.RTT() <= 0 {
				t.Error("no round trip is known")
			}
		}
	})
}

func TestYamuxDeadlines(t *testing.T) {
	a, b := memPair(t)
	c, s := newOurs(t, a, true, nil), newTheirs(t, b, false, nil)
	x, y := openBoth(t, c, s)
	x.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read past its deadline: %v", err)
	}
	x.SetDeadline(time.Time{})
	fmt.Fprint(y, "late")
	got := make([]byte, 4)
	if _, err := io.ReadFull(x, got); err != nil || string(got) != "late" {
		t.Errorf("%q, %v", got, err)
	}
}
