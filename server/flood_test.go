package server_test

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/frame"
)

// rawFrame is one frame of a hostile client.
func rawFrame(t frame.Type, id uint64, flags frame.Flags, p []byte) []byte {
	return append(frame.AppendHeader(nil, frame.Header{Type: t, Flags: flags, ID: id, Length: uint32(len(p))}), p...)
}

// floods is what a client can repeat at no cost, after what comes first. limit is in the reason that it gets.
func floods() map[string]struct {
	first, one []byte
	limit      string
} {
	open := rawFrame(frame.TypeOpen, 1, frame.FlagFin, frame.AppendOpen(nil, &frame.Open{Kind: frame.KindCall, Name: []byte("none")}))
	stream := rawFrame(frame.TypeOpen, 1, 0, frame.AppendOpen(nil, &frame.Open{}))
	drain := rawFrame(frame.TypeDrain, 0, 0, frame.AppendDrain(nil, &frame.Drain{}))
	reset := rawFrame(frame.TypeReset, 1, 0, frame.AppendReset(nil, &frame.Reset{}))
	return map[string]struct {
		first, one []byte
		limit      string
	}{
		"PING":              {nil, rawFrame(frame.TypePing, 0, 0, make([]byte, 40)), "1000"},
		"PONG":              {nil, rawFrame(frame.TypePong, 0, 0, make([]byte, 40)), "100"},
		"ACK":               {nil, rawFrame(frame.TypeAck, 0, 0, make([]byte, 32)), "1000"},
		"unknown":           {nil, rawFrame(0x55, 0, 0, make([]byte, 100)), "100"},
		"unknown sequenced": {nil, rawFrame(0xD5, 77, 0xFF, nil), "100"},
		"SETTINGS":          {nil, rawFrame(frame.TypeSettings, 0, 0, make([]byte, 12)), "1000"},
		"DRAIN":             {nil, drain, "100"},
		"CREDIT, ended":     {open, rawFrame(frame.TypeCredit, 1, 0, []byte{0, 0, 0, 1}), "1000"},
		"STOP, ended":       {open, rawFrame(frame.TypeStop, 1, 0, frame.AppendStop(nil, &frame.Stop{})), "1000"},
		"RESET, ended":      {open, reset, "1000"},
		"DATA, ended":       {open, rawFrame(frame.TypeData, 1, 0, make([]byte, 1000)), "100"},
		"CREDIT":            {stream, rawFrame(frame.TypeCredit, 1, 0, []byte{0, 0, 0, 1}), "1000"},
		"empty DATA":        {stream, rawFrame(frame.TypeData, 1, frame.FlagBlocked, nil), "1000"},
	}
}

// TestFloods: a client that floods is sent away with a reason. It costs no goroutines and next to no memory, and a client
// beside it sees nothing of it.
func TestFloods(t *testing.T) {
	for name, f := range floods() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, mem := listenRaw(t)
				_, honest := mem.dial(t, gantline.Config{ID: "honest"})
				mustAccept(t, ln).Handle("echo", gantline.HandlerFunc(func(_ context.Context, r *gantline.Request) ([]byte, error) { return r.Body, nil }))
				call := func() {
					if b, err := honest.Call(t.Context(), "echo", []byte("hi")); err != nil || string(b) != "hi" {
						t.Errorf("the honest client: %q, %v", b, err)
					}
				}
				call()

				nc := mem.raw(t)
				nc.Write(append(hello("hostile"), rawFrame(frame.TypePing, 0, 0, make([]byte, 40))...))
				var said bytes.Buffer
				read := make(chan struct{})
				go func() {
					defer close(read)
					io.Copy(&said, nc)
				}()
				victim := mustAccept(t, ln)
				nc.Write(f.first)
				synctest.Wait()
				runtime.GC()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				goroutines := runtime.NumGoroutine()
				many := bytes.Repeat(f.one, 256)
				for range 100 {
					if _, err := nc.Write(many); err != nil {
						break
					}
					call()
				}
				runtime.ReadMemStats(&after)
				if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 8<<20 {
					t.Errorf("%d bytes more on the heap", n)
				}
				if n := runtime.NumGoroutine() - goroutines; n > 2 {
					t.Errorf("%d goroutines more", n)
				}
				synctest.Wait()
				nc.Close()
				<-read
				<-victim.Context().Done()
				if s := said.String(); !strings.Contains(s, "more than "+f.limit+" ") {
					t.Errorf("the hostile client got no reason: %q", s)
				}
				if err := context.Cause(victim.Context()); !strings.Contains(err.Error(), "more than "+f.limit+" ") {
					t.Errorf("its End says %v", err)
				}
				if s := victim.Stats().Link; s.Odd+s.Cheap == 0 {
					t.Errorf("stats %+v", s)
				}
				call()
				<-time.After(time.Minute)
				call()
				honest.Close()
				ln.Close()
			})
		})
	}
}
