package server_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// BenchmarkConnectAndDrop makes sessions and drops them, while others are suspended. Its cost must not depend on how many.
func BenchmarkConnectAndDrop(b *testing.B) {
	for _, peers := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			w := &town{mem: memnet.Listen("server"), turn: make(chan struct{}, 1), from: make(chan net.Addr, 1000)}
			w.ln = server.NewListener(fromListener{w.mem, w.from}, server.WithLimits(server.Limits{Peers: -1, Suspended: gantline.SuspendLimits{Count: peers, Bytes: -1, Idle: -1}}))
			defer w.ln.Close()
			go func() {
				for {
					if _, err := w.ln.AcceptEnd(context.Background()); err != nil {
						return
					}
				}
			}()
			n := 0
			drop := func() {
				nc, err := w.dial(b.Context(), fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.made(nc, fmt.Sprint(n)); err != nil {
					b.Fatal(err)
				}
				nc.Write(ping())
				nc.Close()
				n++
			}
			wait := func() {
				eventually(b, "the handshakes are over", func() bool { return w.ln.Stats().Handshakes == 0 })
			}
			for range peers {
				drop()
			}
			eventually(b, "all of them are suspended", func() bool { return w.ln.Stats().Suspended == peers })
			wait()
			runtime.GC()
			b.ResetTimer()
			b.ReportAllocs()
			for range b.N {
				drop()
			}
			wait()
			b.StopTimer() // Close ends all of them
		})
	}
}
