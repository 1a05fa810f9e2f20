package gantline

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
)

// tcpPair returns two Ends over loopback TCP.
func tcpPair(t testing.TB, client, server *Config) (c, s *End) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	served := make(chan *End, 1)
	go func() {
		nc, err := ln.Accept()
		if err == nil {
			s, err = Server(context.Background(), nc, quiet(server))
		}
		if err != nil {
			t.Error(err)
		}
		served <- s
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	c, err = Client(context.Background(), nc, quiet(client))
	must(t, err)
	s = <-served
	t.Cleanup(func() { closeBoth(c, s) })
	return c, s
}

// BenchmarkCall echoes 128 bytes over loopback TCP; allocations are both ends'.
func BenchmarkCall(b *testing.B) {
	for _, mode := range handlerModes[:2] {
		for _, callers := range []int{1, 64, 1024} {
			b.Run(fmt.Sprintf("%s/%d callers", mode.name, callers), func(b *testing.B) {
				c, s := tcpPair(b, nil, nil)
				s.Handle("echo", echo, mode.opts...)
				benchCalls(b, callers, func(body []byte) error {
					_, err := c.Call(context.Background(), "echo", body)
					return err
				})
			})
		}
	}
}

// BenchmarkCallDeadline is BenchmarkCall with a context that can end.
func BenchmarkCallDeadline(b *testing.B) {
	c, s := tcpPair(b, nil, nil)
	s.Handle("echo", echo)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	benchCalls(b, 64, func(body []byte) error {
		_, err := c.Call(ctx, "echo", body)
		return err
	})
}

func BenchmarkNotify(b *testing.B) {
	c, s := tcpPair(b, nil, nil)
	s.Handle("n", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return nil, nil }))
	benchCalls(b, 64, func(body []byte) error { return c.Notify(context.Background(), "n", body) })
}

// BenchmarkCallBig echoes 128 KiB.
func BenchmarkCallBig(b *testing.B) {
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("%d callers", callers), func(b *testing.B) {
			c, s := tcpPair(b, nil, nil)
			s.Handle("echo", echo)
			b.SetBytes(128 << 10)
			big := make([]byte, 128<<10)
			benchCalls(b, callers, func([]byte) error {
				_, err := c.Call(context.Background(), "echo", big)
				return err
			})
		})
	}
}

func benchCalls(b *testing.B, callers int, call func(body []byte) error) {
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range callers {
		n := b.N / callers
		if i < b.N%callers {
			n++
		}
		wg.Go(func() {
			body := make([]byte, 128)
			for range n {
				if err := call(body); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
