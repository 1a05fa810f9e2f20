package server_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/frame"
)

// held returns how many bytes are in use, once what is not was collected.
func held() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// TestHeldByOneConnection: one connection that opens as much as it may, at all depths, and ends nothing holds little, also
// while its handlers wait. An honest client has no error.
func TestHeldByOneConnection(t *testing.T) {
	const mib = 1 << 20
	meta := frame.AppendMetadata(nil, "k", make([]byte, frame.MaxMetadata-4))
	call := func(kind frame.Kind, size uint32, meta []byte, body []byte) func(id uint64, depth uint8) []byte {
		return func(id uint64, depth uint8) []byte {
			return rawOpen(id, frame.Open{Kind: kind, Depth: depth, Name: []byte("wait"), Size: size, Metadata: meta, Body: body})
		}
	}
	for _, c := range []struct {
		name string
		open func(id uint64, depth uint8) []byte
		most int // bytes held
	}{
		{"calls with metadata whose bodies never end", call(frame.KindCall, 4*mib, meta, nil), 8 * mib},
		{"calls with metadata and all but the end", call(frame.KindCall, 100, meta, make([]byte, 100)), 8 * mib},
		{"calls whose bodies never end", call(frame.KindCall, 4*mib, nil, []byte("x")), 4 * mib},
		{"notifies whose bodies never end", call(frame.KindNotify, 4*mib, meta, nil), 8 * mib},
		{"streaming calls that announce a message", func(id uint64, depth uint8) []byte {
			b := call(frame.KindStreamingCall, 0, nil, nil)(id, depth)
			return append(b, rawFrame(frame.TypeData, id, frame.FlagEarly, []byte{0, 0x40, 0, 0})...)
		}, 8 * mib},
		{"messages with metadata whose bodies never end", call(frame.KindMessage, 4*mib, meta, nil), 8 * mib},
		{"streams with metadata", func(id uint64, _ uint8) []byte { return call(frame.KindStream, 0, meta, nil)(id, 0) }, 8 * mib},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := attack(t, gantline.Config{}, func(e *gantline.End) {
				e.Handle("wait", gantline.HandlerFunc(func(ctx context.Context, _ *gantline.Request) ([]byte, error) {
					<-ctx.Done()
					return nil, nil
				}))
				e.HandleStream("wait", func(ctx context.Context, _ *gantline.Request, cs *gantline.CallStream) error {
					_, err := cs.Recv(ctx)
					return err
				})
			})
			p := dialRaw(t, a.ln, "attacker")
			p.settle()
			before, goroutines := held(), runtime.NumGoroutine()
			id := uint64(1)
			for depth := range uint8(17) {
				left := 30 // more than 1000 refused ones in all would end the link
				if depth == 0 {
					left = 900
				}
				for ; left > 0; left -= 30 {
					var b []byte
					for range 30 {
						b = append(b, c.open(id, depth)...)
						id += 2
					}
					p.send(b)
					p.settle()
					b = b[:0]
					for _, refused := range p.takeResets() { // 1000 that it does not end would end the link
						b = append(b, rawReset(refused)...)
					}
					p.send(b)
					p.settle()
				}
			}
			n, more := held()-before, runtime.NumGoroutine()-goroutines
			t.Logf("%d opens of %d bytes in all hold %d KiB and %d goroutines; %d were refused", id/2, p.sent, n>>10, more, p.count)
			if n > c.most {
				t.Errorf("%d KiB are held, want at most %d", n>>10, c.most>>10)
			}
			if more > 256+16+20 {
				t.Errorf("%d goroutines were added", more)
			}
			a.rest()
			if a.calls == 0 {
				t.Error("the honest client made no call")
			}
		})
	}
}
