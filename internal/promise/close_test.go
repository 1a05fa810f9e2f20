package promise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// loads are what may run while an End is closed. Each starts its work on goroutines of wg, which end with the
// Ends; near is the End that will be closed.
var loads = []struct {
	name  string
	start func(t *testing.T, wg *sync.WaitGroup, near, far *gantline.End)
}{
	{"nothing", func(*testing.T, *sync.WaitGroup, *gantline.End, *gantline.End) {}},
	{"calls in", func(t *testing.T, wg *sync.WaitGroup, near, far *gantline.End) {
		keepCalling(wg, far)
	}},
	{"calls out", func(t *testing.T, wg *sync.WaitGroup, near, far *gantline.End) {
		keepCalling(wg, near)
	}},
	{"messages in", func(t *testing.T, wg *sync.WaitGroup, near, far *gantline.End) {
		near.Subscribe("load.x", func(context.Context, *gantline.Message) error { return nil })
		wg.Go(func() { _ = publishAll(context.Background(), far, 1<<40, 128) })
	}},
	{"a stream in", func(t *testing.T, wg *sync.WaitGroup, near, far *gantline.End) {
		keepCopying(t, wg, far, near)
	}},
	{"a stream out", func(t *testing.T, wg *sync.WaitGroup, near, far *gantline.End) {
		keepCopying(t, wg, near, far)
	}},
}

// keepCalling makes 128-byte calls until the End is over.
func keepCalling(wg *sync.WaitGroup, end *gantline.End) {
	for range 8 {
		wg.Go(func() {
			for {
				if _, err := end.Call(context.Background(), "echo", make([]byte, 128)); err != nil {
					return
				}
			}
		})
	}
}

// keepCopying fills a stream, which is read all the time, until the Ends are over.
func keepCopying(t *testing.T, wg *sync.WaitGroup, from, to *gantline.End) {
	t.Helper()
	st, err := from.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := to.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		for {
			if _, err := st.Write(make([]byte, 32*kib)); err != nil {
				return
			}
		}
	})
	wg.Go(func() { _, _ = io.Copy(io.Discard, peer) })
}

// loadedCloseLimit is the bound for End.Close beside a load that takes all of the machine. On an idle machine it
// takes less than a tenth.
const loadedCloseLimit = 5 * closeLimit

// TestCloseUnderLoad: Close delivers what was written before, returns nil, and does not wait for the load to
// end. Nothing that began before it hangs.
func TestCloseUnderLoad(t *testing.T) {
	for _, load := range loads {
		t.Run(load.name, func(t *testing.T) {
			watchdog(t, time.Minute+closings*time.Second)
			cfg := gantline.Config{Setup: welcoming, Logger: quiet}
			l := listen(t, cfg)
			var took []time.Duration
			for i := range closings {
				near, far := dial(t, l, cfg)
				if i%2 == 1 {
					near, far = far, near
				}
				var wg sync.WaitGroup
				load.start(t, &wg, near, far)
				delivered := make(chan error, 1)
				ended := i%4 < 2 // whether the writer ends its stream before
				go func() { delivered <- receiveLast(far, ended) }()
				if _, err := near.Call(t.Context(), "echo", nil); err != nil { // the load is running
					t.Fatal(err)
				}
				st, err := near.OpenStream(t.Context(), gantline.WithName("last"))
				if err == nil {
					_, err = st.Write(pattern(32*kib, 4))
				}
				if err == nil && ended {
					err = st.CloseWrite()
				}
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if err := near.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				took = append(took, time.Since(start))
				if err := <-delivered; err != nil {
					t.Errorf("what was written before Close: %v", err)
				}
				_ = far.Close()
				wg.Wait()
			}
			slices.Sort(took)
			t.Logf("Close took %v (median), %v (worst)", took[len(took)/2], took[len(took)-1])
			if took[len(took)/2] > loadedCloseLimit {
				t.Errorf("Close took %v (median), the limit is %v", took[len(took)/2], loadedCloseLimit)
			}
		})
	}
}

// receiveLast takes the stream named "last" and what was written to it. Only a writer that ended it makes it end well.
func receiveLast(end *gantline.End, ended bool) error {
	st, err := end.Listener("last").Accept()
	if err != nil {
		return err
	}
	defer st.Close()
	got, err := io.ReadAll(st)
	switch {
	case len(got) != 32*kib:
		return fmt.Errorf("%d bytes arrived, then %w", len(got), err)
	case ended:
		return err
	case !errors.Is(err, net.ErrClosed):
		return fmt.Errorf("a stream that was not ended ends with %w", err)
	}
	return nil
}
