package attack

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/server"
)

// expiry is how long the server keeps a session without a carrier.
const expiry = time.Second

// vitals is what the server says of itself.
type vitals struct {
	Addr       string
	Memory     int    // bytes that the system has given it
	Most       int    // the same, at most since "begin"
	Heap       uint64 // bytes in use after a collection, with "rest"
	Allocated  uint64 // bytes, since it began
	Goroutines int
	Lines      int64 // of its log
	LogBytes   int64
	Ends       int
	Stats      server.Stats
}

// counter counts what is written to it.
type counter struct{ lines, bytes atomic.Int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.lines.Add(int64(bytes.Count(b, []byte("\n"))))
	c.bytes.Add(int64(len(b)))
	return len(b), nil
}

// row is a value that costs more memory than its encoding.
type row struct{ A, B, C, D, E, F, G, H string }

// serve is the server's process. It has the default limits, and handlers as an application might have them.
func serve(in io.Reader, out io.Writer) {
	log := new(counter)
	logger := slog.New(slog.NewTextHandler(log, nil))
	slog.SetDefault(logger)
	router := new(gantline.Router)
	handle(router)
	cfg := gantline.Config{Router: router, SessionExpiry: expiry, Logger: logger}
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(cfg))
	if err != nil {
		panic(err)
	}
	go func() { // ends with ln
		for {
			end, err := ln.AcceptEnd(context.Background())
			if err != nil {
				return
			}
			go host(end)
		}
	}()
	var most atomic.Int64
	go func() { // ends with the process
		for range time.Tick(10 * time.Millisecond) {
			most.Store(max(most.Load(), int64(memory())))
		}
	}()
	answers(in, out, func(question string) any {
		v := vitals{Addr: ln.Addr().String(), Memory: memory(), Goroutines: runtime.NumGoroutine(), Lines: log.lines.Load(), LogBytes: log.bytes.Load(),
			Ends: ends(ln), Stats: ln.Stats()}
		var m runtime.MemStats
		switch question {
		case "begin":
			debug.FreeOSMemory()
			most.Store(0)
		case "rest":
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		v.Heap, v.Allocated, v.Most = m.HeapAlloc, m.TotalAlloc, max(v.Memory, int(most.Load()))
		return v
	})
	_ = ln.Close()
}

func ends(ln *server.Listener) (n int) {
	for range ln.Ends() {
		n++
	}
	return n
}

// memory is what the system has given this process, in bytes; 0 where that is not to be had.
func memory() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.Atoi(kib)
	return n << 10
}

// host serves the streams of one End. Those of a client called lazy are not accepted.
func host(end *gantline.End) {
	if strings.HasPrefix(end.PeerID(), "lazy") {
		return
	}
	for {
		st, err := end.AcceptStream(context.Background())
		if err != nil {
			return
		}
		go func() { // ends with the stream
			defer st.Close()
			switch {
			case strings.HasPrefix(st.Name(), "unread"):
				<-end.Context().Done()
			case strings.HasPrefix(st.Name(), "endless"):
				_, _ = io.Copy(st, endless{})
			default:
				_, _ = io.Copy(st, st)
			}
		}()
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func handle(r *gantline.Router) {
	fn := func(name string, f func(ctx context.Context, req *gantline.Request) ([]byte, error)) {
		r.Handle(name, gantline.HandlerFunc(f))
	}
	fn("echo", func(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil })
	fn("rows", func(_ context.Context, req *gantline.Request) ([]byte, error) {
		var rows []row
		return nil, req.Decode(&rows)
	})
	long := strings.Repeat("\x1b\n", 1<<19)
	fn("panic", func(context.Context, *gantline.Request) ([]byte, error) { panic(long) })
	fn("hang", func(ctx context.Context, _ *gantline.Request) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
	big := make([]byte, 1<<20)
	fn("big", func(context.Context, *gantline.Request) ([]byte, error) { return big, nil })
	fn("back", func(ctx context.Context, req *gantline.Request) ([]byte, error) {
		return gantline.FromContext(ctx).Call(ctx, "back", req.Body)
	})
	fn("publish", func(ctx context.Context, _ *gantline.Request) ([]byte, error) {
		for {
			if _, err := gantline.FromContext(ctx).PublishAsync(ctx, "flood", big[:4<<10]); err != nil {
				return nil, err
			}
		}
	})
	r.HandleStream("chat", func(ctx context.Context, _ *gantline.Request, cs *gantline.CallStream) error {
		for {
			b, err := cs.Recv(ctx)
			if err != nil {
				return err
			}
			if err := cs.Send(ctx, b); err != nil {
				return err
			}
		}
	})
	r.Subscribe("t", func(context.Context, *gantline.Message) error { return nil })
	r.Subscribe("slow", func(ctx context.Context, _ *gantline.Message) error { <-ctx.Done(); return nil })
}
