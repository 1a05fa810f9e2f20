package promise

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
)

// nestedMessages is how many messages or calls each side begins at once in a test of nesting: more than may be under way.
const nestedMessages = 1500

// hops is what a body says: how often what it arrives with goes back to the peer, and how.
type hops struct {
	left int
	seed uint64
	size int
}

func (h hops) body() []byte {
	b := make([]byte, max(h.size, 13))
	b[0] = byte(h.left)
	binary.BigEndian.PutUint64(b[1:], h.seed)
	binary.BigEndian.PutUint32(b[9:], uint32(h.size))
	return b
}

func hopsOf(b []byte) hops {
	return hops{int(b[0]), binary.BigEndian.Uint64(b[1:]), int(binary.BigEndian.Uint32(b[9:]))}
}

// hopping is both sides of a connection whose functions go back to the peer.
type hopping struct {
	t    *testing.T
	ways []string // of which each hop takes one
	got  atomic.Int64

	failed atomic.Int64
}

// fail records an error; the first is enough to see.
func (h *hopping) fail(err error) {
	if h.failed.Add(1) == 1 {
		h.t.Error(err)
	}
}

// next goes back to the peer once more, from inside the function that has ctx.
func (h *hopping) next(ctx context.Context, st *gantline.Stream, body []byte) error {
	h.got.Add(1)
	b := hopsOf(body)
	if b.left == 0 {
		return nil
	}
	b.left--
	b.seed = b.seed*0x9E3779B97F4A7C15 + 1
	return h.go1(ctx, st, b)
}

// go1 makes one hop.
func (h *hopping) go1(ctx context.Context, st *gantline.Stream, b hops) error {
	var err error
	switch way := h.ways[(b.seed>>32)%uint64(len(h.ways))]; way {
	case "publish":
		err = st.Publish(ctx, "hop", b.body())
	case "other":
		err = st.Publish(ctx, fmt.Sprintf("other.%d", b.left), b.body())
	case "async":
		var p *gantline.Publication
		if p, err = st.PublishAsync(ctx, "hop", b.body()); err == nil {
			err = p.Wait(ctx)
		}
	case "async done":
		var p *gantline.Publication
		if p, err = st.PublishAsync(ctx, "hop", b.body()); err == nil {
			<-p.Done()
			err = p.Err()
		}
	case "goroutine":
		done := make(chan error)
		go func() { done <- st.Publish(ctx, "hop", b.body()) }()
		err = <-done
	case "without cancel":
		err = st.Publish(context.WithoutCancel(ctx), "hop", b.body())
	case "no ack":
		err = st.Publish(ctx, "hop", b.body(), gantline.NoAck())
	case "call":
		_, err = st.Call(ctx, "hop", b.body())
	case "notify":
		err = st.Notify(ctx, "notified", b.body())
	case "streaming":
		err = h.stream(ctx, st, b)
	default:
		h.t.Fatalf("there is no way %q", way)
	}
	if err != nil {
		err = fmt.Errorf("%d hops before the end: %w", b.left, err)
	}
	return err
}

func (h *hopping) stream(ctx context.Context, st *gantline.Stream, b hops) error {
	cs, err := st.OpenCall(ctx, "streamed")
	if err != nil {
		return err
	}
	if err := cs.Send(ctx, b.body()); err != nil {
		return err
	}
	if _, err = cs.Recv(ctx); err == io.EOF {
		err = nil
	}
	return err
}

// serve has the functions of one side. What nobody waits for says itself when it fails.
func (h *hopping) serve(st *gantline.Stream) {
	take := func(ctx context.Context, m *gantline.Message) error {
		err := h.next(ctx, m.Stream, m.Body)
		if err != nil {
			h.fail(err) // with NoAck its publisher does not learn it
		}
		return err
	}
	st.Subscribe("hop", take)
	st.Subscribe("other.*", take)
	handle := func(ctx context.Context, req *gantline.Request) ([]byte, error) {
		return nil, h.next(ctx, req.Stream, req.Body)
	}
	st.Handle("hop", gantline.HandlerFunc(handle))
	st.HandleStream("streamed", func(ctx context.Context, req *gantline.Request, cs *gantline.CallStream) error {
		body, err := cs.Recv(ctx)
		if err == nil {
			err = h.next(ctx, req.Stream, body)
		}
		return err
	})
	st.Handle("notified", gantline.HandlerFunc(func(ctx context.Context, req *gantline.Request) ([]byte, error) {
		_, err := handle(ctx, req)
		if err != nil {
			h.fail(err)
		}
		return nil, err
	}))
}

// TestNestedBothWays: functions on both sides that go back to the peer never wait for each other for ever, also when both
// sides have as much under way as they may. Nothing is lost, all is acked.
func TestNestedBothWays(t *testing.T) {
	for _, tt := range []struct {
		name string
		ways []string // the first is how it begins
		hops int
		size int
	}{
		{"an answer on another topic", []string{"other"}, 1, 0},
		{"an answer on the same topic", []string{"publish"}, 1, 0},
		{"back and forth", []string{"publish"}, 6, 0},
		{"as deep as it goes", []string{"publish"}, 16, 0},
		{"asynchronous", []string{"async", "async done", "goroutine", "without cancel"}, 3, 0},
		{"publish in a call's handler", []string{"call", "publish"}, 4, 0},
		{"call in a subscription", []string{"publish", "call"}, 4, 0},
		{"streaming call in a subscription", []string{"publish", "streaming"}, 4, 0},
		{"without ack", []string{"publish", "no ack"}, 3, 0},
		{"notify", []string{"notify", "call"}, 3, 0},
		{"mixed", []string{"publish", "other", "async", "no ack", "call", "notify", "goroutine", "streaming"}, 5, 0},
		{"one frame each", []string{"publish", "call", "async"}, 3, 3 * kib},
		{"large bodies", []string{"publish", "other", "call", "async"}, 3, 100 * kib},
	} {
		for _, limit := range []int{1, 8, 1024} {
			for _, streams := range []int{0, 6} {
				name := fmt.Sprintf("%s/limit %d, %d streams", tt.name, limit, streams)
				t.Run(name, func(t *testing.T) {
					n := times(nestedMessages)
					switch {
					case testing.Short() && limit == 1024:
						t.Skip("it takes many to reach this limit")
					case testing.Short(), tt.size > 0, tt.hops > 6:
						n /= 5
					}
					synctest.Test(t, func(t *testing.T) {
						limits := gantline.Limits{Messages: limit, Calls: limit, BodyMemory: 12 * mib}
						cfg := &gantline.Config{Limits: limits, Logger: quiet}
						c, s := gantline.Pipe(cfg, cfg)
						defer s.Close()
						defer c.Close()
						h := &hopping{t: t, ways: tt.ways}
						h.run(c, s, streams, n, hops{left: tt.hops, size: tt.size})
						if want := int64(2 * n * (tt.hops + 1)); !t.Failed() && h.got.Load() != want {
							t.Errorf("%d functions ran, want %d", h.got.Load(), want)
						}
					})
				})
			}
		}
	}
}

// run begins n hops on each side, on streams or on the Ends as a whole.
func (h *hopping) run(c, s *gantline.End, streams, n int, first hops) {
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Minute)
	defer cancel()
	from := []*gantline.Stream{c.Stream, s.Stream}
	if streams > 0 {
		from = nil
	}
	for range streams {
		st, err := c.OpenStream(ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		peer, err := s.AcceptStream(ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		from = append(from, st, peer)
	}
	for _, st := range from {
		h.serve(st)
	}
	var wg sync.WaitGroup
	for i := range 2 * n {
		b := first
		b.seed = rand.New(rand.NewPCG(uint64(i), 1)).Uint64()
		wg.Go(func() {
			if err := h.go1(ctx, from[i%len(from)], b); err != nil {
				h.fail(err)
			}
		})
	}
	wg.Wait()
	synctest.Wait() // what nobody waits for
	if n := h.failed.Load(); n > 0 {
		h.t.Errorf("%d functions failed; %d have run", n, h.got.Load())
	}
}
