package mux

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/gantline-project/gantline/frame"
)

func TestConn(t *testing.T) {
	for _, swap := range []bool{false, true} {
		t.Run(map[bool]string{false: "opener first", true: "acceptor first"}[swap], func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				c, s := newPair(t, nil)
				a, b := openPair(t, c, s)
				stop := func() { a.Close(); b.Close(); c.l.stop(nil); s.l.stop(nil) }
				if swap {
					a, b = b, a
				}
				return a, b, stop, nil
			})
		})
	}
}

// TestFirst runs a transfer in both directions on the stream that needs no open.
func TestFirst(t *testing.T) {
	c, s := newPair(t, nil)
	testTransfer(t, c.First(), s.First(), 3<<20)
}

func TestTransfer(t *testing.T) {
	c, s := newPair(t, nil)
	a, b := openPair(t, c, s)
	testTransfer(t, a, b, 3<<20)
	waitEmpty(t, c)
	waitEmpty(t, s)
}

// testTransfer sends size bytes each way at once and compares them.
func testTransfer(t *testing.T, a, b *Stream, size int) {
	t.Helper()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	var wg sync.WaitGroup
	send := func(st *Stream) {
		defer wg.Done()
		if n, err := st.ReadFrom(bytes.NewReader(data)); n != int64(size) || err != nil {
			t.Errorf("sent %d, %v", n, err)
		}
		if err := st.CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	recv := func(st *Stream) {
		defer wg.Done()
		var got bytes.Buffer
		if _, err := st.WriteTo(&got); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(got.Bytes(), data) {
			t.Errorf("got %d bytes of %d, or wrong ones", got.Len(), size)
		}
	}
	wg.Add(4)
	go send(a)
	go send(b)
	go recv(a)
	go recv(b)
	wg.Wait()
}

// waitEmpty waits until the session's table holds the first stream at most.
func waitEmpty(t *testing.T, s *side) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); s.Count() > 0; <-tick.C {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d entries are left", s.Count())
		}
		s.l.Lock()
		s.l.Wake()
		s.l.Unlock()
	}
}

type waitSink chan *Exchange

func (c waitSink) Complete(x *Exchange) { c <- x }

// call runs one exchange and returns it when it is complete.
func call(ctx context.Context, s *Session, o *Open, body []byte) (*Exchange, error) {
	done := make(waitSink, 1)
	x := &Exchange{Sink: done}
	if err := s.Start(ctx, x, o, body); err != nil {
		return nil, err
	}
	return <-done, nil
}

func TestExchangeSizes(t *testing.T) {
	c, s := newPair(t, nil)
	for _, n := range []int{0, 1, 100, 16 << 10, 65000, 64 << 10, 65<<10 + 1, 1 << 20, 4 << 20} {
		body := bytes.Repeat([]byte{byte(n), 1, 2}, n/3+1)[:n]
		for _, from := range []*side{c, s} {
			x, err := call(t.Context(), from.Session, &Open{Kind: frame.KindCall, Name: "echo"}, body)
			if err != nil || x.Err != nil || x.Head.Code != frame.OK || !bytes.Equal(x.Body, body) {
				t.Fatalf("%d bytes: %v, %+v", n, err, x)
			}
		}
	}
	waitEmpty(t, c)
	waitEmpty(t, s)
}

func TestManyLargeCallsBothWays(t *testing.T) {
	c, s := newPair(t, nil)
	body := bytes.Repeat([]byte("x"), 1<<20)
	var wg sync.WaitGroup
	for range 32 {
		for _, from := range []*side{c, s} {
			wg.Go(func() {
				for range 2 {
					x, err := call(t.Context(), from.Session, &Open{Kind: frame.KindCall, Name: "echo"}, body)
					if err != nil || x.Err != nil || len(x.Body) != len(body) {
						t.Errorf("call: %v", err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	waitEmpty(t, c)
	waitEmpty(t, s)
}

func TestCloseUnblocksAndEnds(t *testing.T) {
	c, s := newPair(t, nil)
	a, b := openPair(t, c, s)
	if _, err := a.Write([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	a.Close()
	got, err := io.ReadAll(b)
	if string(got) != "bye" || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
	for err == nil { // the peer's STOP reaches b's writer
		_, err = b.Write(make([]byte, 1000))
	}
	if !errors.Is(err, net.ErrClosed) {
		t.Fatalf("write after the peer closed: %v", err)
	}
	b.Close()
	waitEmpty(t, c)
	waitEmpty(t, s)
}

func TestReset(t *testing.T) {
	c, s := newPair(t, nil)
	a, b := openPair(t, c, s)
	a.Reset(frame.Aborted, "changed my mind")
	_, err := b.Read(make([]byte, 1))
	var se *StreamError
	if !errors.As(err, &se) || !se.Remote || se.Code != frame.Aborted || se.Message != "changed my mind" || !errors.Is(err, frame.Aborted) {
		t.Fatalf("read after a reset: %v", err)
	}
	if _, err = a.Read(make([]byte, 1)); !errors.As(err, &se) || se.Remote {
		t.Fatalf("read here after Reset: %v", err)
	}
	waitEmpty(t, c)
	waitEmpty(t, s)
}
