package promise

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestFar: over a path of 60 ms and any bandwidth, one stream uses the 16 MiB that the limits allow. It does so
// from 0.7 s on, when both the log and the window have grown. It may miss a tenth, of which a sixteenth is kept for
// streams to come.
func TestFar(t *testing.T) {
	const rtt, most = 60 * time.Millisecond, 16 * mib
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe(memnet.WithLatency(rtt/2), memnet.WithBuffer(64*mib))
		served := make(chan *gantline.End, 1)
		go func() {
			s, err := gantline.Server(t.Context(), b, nil)
			if err != nil {
				t.Error(err)
			}
			served <- s
		}()
		c, err := gantline.Client(t.Context(), a, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := <-served
		near, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() { // ends with the stream
			for buf := make([]byte, 32*kib); ; {
				if _, err := near.Write(buf); err != nil {
					return
				}
			}
		}()
		far, err := s.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got atomic.Int64
		go func() { // ends with the stream
			for buf := make([]byte, 64*kib); ; {
				n, err := far.Read(buf)
				if got.Add(int64(n)); err != nil {
					return
				}
			}
		}()
		const trips = 10
		<-time.After(700 * time.Millisecond)
		was := got.Load()
		<-time.After(trips * rtt)
		if n := (got.Load() - was) / trips; n < most*9/10 {
			t.Errorf("%d KiB per round trip, want %d", n/kib, most*9/10/kib)
		}
		_ = c.Close()
		_ = s.Close()
	})
}
