package attack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
)

// addrEnv says where the server is.
const addrEnv = "GANTLINE_ATTACK_ADDR"

// honestEvery is the pace of the honest client's calls.
const honestEvery = 2 * time.Millisecond

// fare is how the honest client fared since "begin".
type fare struct {
	Calls, Messages, StreamBytes int
	Median, P99, Most            time.Duration // of its calls
	Errors                       []string
	Resumes                      uint64
}

// honest is a client that uses all there is, at a moderate pace.
type honest struct {
	end *gantline.End

	mu    sync.Mutex // guards what follows
	now   fare
	times []time.Duration
}

// liveHonestly is the honest client's process.
func liveHonestly(in io.Reader, out io.Writer) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	end, err := client.Dial(ctx, "tcp", os.Getenv(addrEnv), client.WithConfig(gantline.Config{ID: "honest"}))
	if err != nil {
		panic(err)
	}
	h := &honest{end: end}
	var lives sync.WaitGroup
	for _, live := range []func(context.Context) error{h.call, h.publish, h.stream, h.callBig, h.dial} {
		lives.Go(func() {
			if err := live(ctx); err != nil && ctx.Err() == nil {
				h.mu.Lock()
				h.now.Errors = append(h.now.Errors, err.Error())
				h.mu.Unlock()
			}
		})
	}
	answers(in, out, func(string) any {
		h.mu.Lock()
		defer h.mu.Unlock()
		f := h.now
		if slices.Sort(h.times); len(h.times) > 0 {
			f.Median, f.P99, f.Most = h.times[len(h.times)/2], h.times[len(h.times)*99/100], h.times[len(h.times)-1]
		}
		f.Resumes = end.Stats().Link.Resumes
		h.now, h.times = fare{}, h.times[:0]
		return f
	})
	cancel()
	lives.Wait()
	_ = end.Close()
}

// every calls do at a pace until ctx ends or it fails.
func every(ctx context.Context, pace time.Duration, do func() error) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := do(); err != nil {
				return err
			}
		}
	}
}

func (h *honest) note(do func(f *fare)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do(&h.now)
}

func (h *honest) call(ctx context.Context) error {
	body := bytes.Repeat([]byte("s"), 100)
	return every(ctx, honestEvery, func() error {
		start := time.Now()
		got, err := h.end.Call(ctx, "echo", body)
		if err != nil || !bytes.Equal(got, body) {
			return fmt.Errorf("a call: %d bytes, %v", len(got), err)
		}
		took := time.Since(start)
		h.note(func(f *fare) { f.Calls++; h.times = append(h.times, took) })
		return nil
	})
}

func (h *honest) callBig(ctx context.Context) error {
	body := bytes.Repeat([]byte("large"), 40<<10)
	return every(ctx, 100*time.Millisecond, func() error {
		if got, err := h.end.Call(ctx, "echo", body); err != nil || !bytes.Equal(got, body) {
			return fmt.Errorf("a large call: %d bytes, %v", len(got), err)
		}
		return nil
	})
}

func (h *honest) publish(ctx context.Context) error {
	return every(ctx, 2*honestEvery, func() error {
		if err := h.end.Publish(ctx, "t", []byte("m")); err != nil {
			return fmt.Errorf("a message: %w", err)
		}
		h.note(func(f *fare) { f.Messages++ })
		return nil
	})
}

// stream has what it writes come back.
func (h *honest) stream(ctx context.Context) error {
	st, err := h.end.OpenStream(ctx)
	if err != nil {
		return fmt.Errorf("a stream: %w", err)
	}
	defer st.Close()
	var sent, got [4 << 10]byte
	n := byte(0)
	return every(ctx, honestEvery, func() error {
		n++
		for i := range sent {
			sent[i] = n + byte(i)
		}
		if _, err := st.Write(sent[:]); err != nil {
			return fmt.Errorf("a stream's Write: %w", err)
		}
		if _, err := io.ReadFull(st, got[:]); err != nil || got != sent {
			return fmt.Errorf("a stream's Read: %v, the right bytes: %v", err, got == sent)
		}
		h.note(func(f *fare) { f.StreamBytes += len(got) })
		return nil
	})
}

// dial connects again and again, as new clients do.
func (h *honest) dial(ctx context.Context) error {
	return every(ctx, 50*time.Millisecond, func() error {
		within, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		end, err := client.Dial(within, "tcp", os.Getenv(addrEnv))
		if err == nil {
			_, err = end.Call(within, "echo", nil)
			_ = end.Close()
		}
		if err != nil {
			return fmt.Errorf("a new client: %w", err)
		}
		return nil
	})
}
