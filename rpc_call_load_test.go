package gantline

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// swarm runs f n times at once and returns the first error.
func swarm(n int, f func(i int) error) error {
	var (
		wg    sync.WaitGroup
		first atomic.Pointer[error]
	)
	for i := range n {
		wg.Go(func() {
			if err := f(i); err != nil {
				first.CompareAndSwap(nil, &err)
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// TestCallReentrant: handlers call back the side that called them, three levels deep, from both sides at
// once and with more callers than a side may run at a time.
func TestCallReentrant(t *testing.T) {
	for _, limit := range []int{0, 4} {
		t.Run(fmt.Sprintf("limit %d", limit), func(t *testing.T) {
			cfg := &Config{Limits: Limits{Calls: limit}}
			c, s := pair(t, cfg, cfg)
			for _, e := range []*End{c, s} {
				e.Handle("down", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
					if req.Body[0] == 0 {
						return req.Body[1:], nil
					}
					req.Body[0]--
					return FromContext(ctx).Call(ctx, "down", req.Body)
				}))
			}
			ctx := short(t)
			must(t, swarm(1000, func(i int) error {
				e := []*End{c, s}[i%2]
				body := binary.BigEndian.AppendUint32([]byte{3}, uint32(i))
				got, err := e.Call(ctx, "down", body)
				if err == nil && !bytes.Equal(got, body[1:]) {
					err = fmt.Errorf("caller %d got %x", i, got)
				}
				return err
			}))
		})
	}
}

// TestCallTooDeep: a circle of handlers ends.
func TestCallTooDeep(t *testing.T) {
	var deepest atomic.Int32
	c, s := pair(t, nil, nil)
	for _, e := range []*End{c, s} {
		e.Handle("circle", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
			deepest.Add(1)
			return FromContext(ctx).Call(ctx, "circle", nil)
		}))
	}
	_, err := c.Call(short(t), "circle", nil)
	want(t, err, ResourceExhausted)
	if n := deepest.Load(); n != 17 {
		t.Errorf("%d handlers ran, want 17: depths 0 to 16", n)
	}
}

// TestCallManyCallers: more callers than slots.
func TestCallManyCallers(t *testing.T) {
	c, s := pair(t, nil, nil)
	s.Handle("echo", echo)
	ctx := short(t)
	must(t, swarm(2048, func(i int) error {
		for k := range 5 {
			body := binary.BigEndian.AppendUint64(nil, uint64(i*10+k))
			got, err := c.Call(ctx, "echo", body)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, body) {
				return fmt.Errorf("caller %d got %x", i, got)
			}
		}
		return nil
	}))
	if n := c.session().Mux.Count() + s.session().Mux.Count(); n != 0 {
		t.Errorf("%d calls left open", n)
	}
}

// TestCallBigAnswersBothWays: 32 callers on each side, 1 MiB bodies and answers, in every handler mode. A
// reader that writes or waits deadlocks here at once.
func TestCallBigAnswersBothWays(t *testing.T) {
	for _, mode := range handlerModes {
		t.Run(mode.name, func(t *testing.T) {
			c, s := pair(t, nil, nil)
			c.Handle("echo", echo, mode.opts...)
			s.Handle("echo", echo, mode.opts...)
			ctx := short(t)
			must(t, swarm(64, func(i int) error {
				e := []*End{c, s}[i%2]
				body := bytes.Repeat([]byte{byte(i)}, 1<<20)
				got, err := e.Call(ctx, "echo", body)
				if err == nil && !bytes.Equal(got, body) {
					err = fmt.Errorf("caller %d got something else", i)
				}
				return err
			}))
		})
	}
}

// TestCallMaxConcurrent: a handler's own limit holds, over Ends that share a Router too.
func TestCallMaxConcurrent(t *testing.T) {
	var running, most atomic.Int32
	router := new(Router)
	router.Handle("slow", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
		n := running.Add(1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		defer running.Add(-1)
		_, err := FromContext(ctx).Call(ctx, "echo", nil) // gives others a chance to be too many
		return nil, err
	}), MaxConcurrent(3))
	a, _ := pair(t, nil, &Config{Router: router})
	b, _ := pair(t, nil, &Config{Router: router})
	ends := []*End{a, b}
	for _, e := range ends {
		e.Handle("echo", echo)
	}
	ctx := short(t)
	must(t, swarm(200, func(i int) error {
		if i%5 == 0 {
			return ends[i%2].Notify(ctx, "slow", nil)
		}
		_, err := ends[i%2].Call(ctx, "slow", nil)
		return err
	}))
	if n := most.Load(); n < 1 || n > 3 {
		t.Errorf("%d ran at once, want at most 3", n)
	}
}
