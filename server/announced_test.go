package server_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/frame"
)

func echoBody(_ context.Context, r *gantline.Request) ([]byte, error) { return r.Body, nil }

// TestAnnouncedBodies: peers that announce bodies and do not send them make the process allocate at most 64 bytes for
// each that they send, beyond 256 KiB for each connection, and an honest client has no error.
func TestAnnouncedBodies(t *testing.T) {
	const size = 4 << 20
	var pairs []byte // as small as they can be
	for i := range 64 {
		pairs = frame.AppendMetadata(pairs, string(rune('0'+i)), nil)
	}
	open := func(id uint64, depth int, first int) []byte {
		return rawOpen(id, frame.Open{Kind: frame.KindCall, Depth: uint8(depth), Name: []byte("echo"), Size: size, Body: make([]byte, first)})
	}
	for _, c := range []struct {
		name   string
		conns  int
		rounds int
		round  func(id uint64) []byte // what a connection sends, with ids up to id+2*each
		each   uint64
	}{
		{"open and reset", 25, 4, func(id uint64) (b []byte) {
			for i := range uint64(200) {
				b = append(append(b, open(id+2*i, 0, 0)...), rawReset(id+2*i)...)
			}
			return b
		}, 200},
		{"open, a byte and reset", 25, 4, func(id uint64) (b []byte) {
			for i := range uint64(200) {
				b = append(append(b, open(id+2*i, 0, 0)...), rawFrame(frame.TypeData, id+2*i, frame.FlagEarly, []byte("x"))...)
				b = append(b, rawReset(id+2*i)...)
			}
			return b
		}, 200},
		{"streaming call that announces a message, and reset", 25, 4, func(id uint64) (b []byte) {
			for i := range uint64(200) {
				b = append(b, rawOpen(id+2*i, frame.Open{Kind: frame.KindStreamingCall, Name: []byte("receive")})...)
				b = append(b, rawFrame(frame.TypeData, id+2*i, frame.FlagEarly, []byte{0, 0x40, 0, 0})...)
				b = append(b, rawReset(id+2*i)...)
			}
			return b
		}, 200},
		{"metadata of opens that are reset", 10, 4, func(id uint64) (b []byte) {
			for i := range uint64(200) {
				b = append(append(b, rawOpen(id+2*i, frame.Open{Kind: frame.KindCall, Name: []byte("echo"), Metadata: pairs})...), rawReset(id+2*i)...)
			}
			return b
		}, 200},
		{"metadata of calls that nobody handles", 2, 4, func(id uint64) (b []byte) {
			for i := range uint64(200) {
				b = append(b, rawOpen(id+2*i, frame.Open{Kind: frame.KindCall, Name: []byte("nobody"), Metadata: pairs})...)
			}
			return b
		}, 200},
		{"20 connections of a body at each depth", 20, 1, func(id uint64) (b []byte) {
			for i := range uint64(17) {
				b = append(b, open(id+2*i, int(i), 1)...)
			}
			return b
		}, 17},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := attack(t, gantline.Config{}, func(e *gantline.End) {
				e.HandleStream("receive", func(ctx context.Context, _ *gantline.Request, cs *gantline.CallStream) error {
					_, err := cs.Recv(ctx)
					return err
				})
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			sent := 0
			for n := range c.conns {
				p := dialRaw(t, a.ln, fmt.Sprint("attacker", n))
				for i := range uint64(c.rounds) {
					p.send(c.round(1 + 2*c.each*i))
					p.settle()
				}
				sent += p.sent
			}
			runtime.ReadMemStats(&after)
			a.rest()
			// Of the honest client's calls both ends allocate here, and it is this process that makes up the frames.
			free := c.conns*256<<10 + a.calls*4<<10 + a.calls/50*2<<20 + 4*sent
			got := int(after.TotalAlloc - before.TotalAlloc)
			t.Logf("%d bytes sent, %d allocated beside %d calls", sent, got, a.calls)
			if got > 64*sent+free {
				t.Errorf("%d bytes were allocated for %d sent on %d connections", got, sent, c.conns)
			}
			if a.calls == 0 {
				t.Error("the honest client made no call")
			}
		})
	}
}
