package server_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/frame"
)

// TestRefusals: what a server refuses takes no goroutine each, though the peer acknowledges nothing and the log is full.
// An honest client has no error.
func TestRefusals(t *testing.T) {
	open := func(kind frame.Kind, name string, fin bool, change func(*frame.Open)) func(id uint64) []byte {
		return func(id uint64) []byte {
			o := frame.Open{Kind: kind, Name: []byte(name)}
			if change != nil {
				change(&o)
			}
			var flags frame.Flags
			if fin {
				flags = frame.FlagFin
			}
			return rawFrame(frame.TypeOpen, id, flags, frame.AppendOpen(nil, &o))
		}
	}
	for _, c := range []struct {
		name string
		open func(id uint64) []byte
	}{
		{"calls that nobody handles", open(frame.KindCall, "nobody", true, nil)},
		{"calls that nobody handles, without their bodies", open(frame.KindCall, "nobody", false, func(o *frame.Open) { o.Size = 1 << 20 })},
		{"calls to a method that takes streaming calls only", open(frame.KindCall, "stream", true, nil)},
		{"streaming calls to one that takes none", open(frame.KindStreamingCall, "echo", false, nil)},
		{"streaming calls that nobody handles", open(frame.KindStreamingCall, "nobody", false, nil)},
		{"notifies that nobody handles", open(frame.KindNotify, "nobody", true, nil)},
		{"inline answers without a body", open(frame.KindCall, "inline", true, nil)},
		{"answers that are errors", open(frame.KindCall, "fails", true, nil)},
		{"what is addressed to a stream that there is not", open(frame.KindCall, "echo", true, func(o *frame.Open) { o.Parent = 1 })},
		{"bodies over the limit", open(frame.KindCall, "echo", false, func(o *frame.Open) { o.Size = 1 << 30 })},
		{"calls that are reset", func(id uint64) []byte {
			return append(open(frame.KindCall, "wait", false, nil)(id), rawReset(id)...)
		}},
		{"streaming calls that are reset", func(id uint64) []byte {
			return append(open(frame.KindStreamingCall, "stream", false, nil)(id), rawReset(id)...)
		}},
		{"streams that are reset", func(id uint64) []byte {
			return append(open(frame.KindStream, "stream", false, nil)(id), rawReset(id)...)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := attack(t, gantline.Config{}, func(e *gantline.End) {
				inline := func(context.Context, *gantline.Request) ([]byte, error) { return nil, nil }
				e.Handle("inline", gantline.HandlerFunc(inline), gantline.Inline())
				e.Handle("fails", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) { return nil, gantline.NotFound }))
				e.Handle("fill", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) { return make([]byte, 60<<10), nil }))
				e.HandleStream("stream", func(ctx context.Context, _ *gantline.Request, cs *gantline.CallStream) error {
					_, err := cs.Recv(ctx)
					return err
				})
			})
			p := dialRaw(t, a.ln, "attacker")
			p.noAcks = true
			id := uint64(1)
			p.send(append(rawOpen(id, frame.Open{Kind: frame.KindStream}), rawReset(id)...))
			var b []byte
			for range 15 { // 900 KiB, within the early window of calls
				id += 2
				b = append(b, open(frame.KindCall, "fill", true, nil)(id)...)
			}
			p.send(b)
			p.settle()
			before, more := runtime.NumGoroutine(), 0
			for range 9 {
				b = b[:0]
				for range 100 {
					id += 2
					b = append(b, c.open(id)...)
				}
				p.send(b)
				p.settle()
				more = 20
				for end := time.Now().Add(5 * time.Second); more >= 20 && time.Now().Before(end); runtime.Gosched() {
					more = runtime.NumGoroutine() - before // the honest client's are among them, and handlers that are about to end
				}
				if more >= 20 {
					t.Fatalf("%d goroutines were added", more)
				}
			}
			a.rest()
			p.noAcks = false // so that what waits goes out, and Close need not wait for it
			for range 10 {
				p.settle()
			}
		})
	}
}
