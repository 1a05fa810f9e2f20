package scenario

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
)

// ledger is what a client learned about what it began at a server that gets killed.
type ledger struct {
	end    *gantline.End
	broken chan struct{} // capacity 1; filled by the hook

	mu    sync.Mutex // guards what follows
	calls map[uint64]error
	after map[uint64]bool // calls made after the broken hook
	acked map[uint64]bool // messages; true = before the kill
	wrong []string
	last  uint64 // number of the last call or message begun
}

func (l *ledger) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrong) < 10 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// number returns a new one.
func (l *ledger) number() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	return l.last
}

func (l *ledger) call(ctx context.Context, after bool) {
	n := l.number()
	got, err := l.end.Call(ctx, "count", binary.BigEndian.AppendUint64(nil, n))
	if err == nil && binary.BigEndian.Uint64(got) != n+1 {
		l.complain("call %d: answer %x", n, got)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[n], l.after[n] = err, after
}

// publish publishes until busy is done, which is before the kill, and waits for every ack.
func (l *ledger) publish(ctx, busy context.Context) {
	var acks sync.WaitGroup
	for busy.Err() == nil {
		n := l.number()
		acks.Add(1)
		_, err := l.end.PublishAsync(ctx, "number", binary.BigEndian.AppendUint64(nil, n), gantline.OnDone(func(err error) {
			defer acks.Done()
			if err != nil {
				l.complain("message %d: %v", n, err)
				return
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.acked[n] = busy.Err() == nil
		}))
		if err != nil {
			acks.Done()
			l.complain("message %d: %v", n, err)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-busy.Done():
		}
	}
	acks.Wait()
}

// stream sends through an echo until the stream fails. It expects ErrSessionLost and no false byte before it.
func (l *ledger) stream(ctx context.Context, seed uint64, began func()) {
	st, err := l.end.OpenStream(ctx, gantline.WithName("echo"))
	if err != nil {
		l.complain("open: %v", err)
		return
	}
	defer st.Close()
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := io.Copy(st, rand.NewChaCha8(key))
		if !errors.Is(err, gantline.ErrSessionLost) {
			l.complain("stream: write: %v", err)
		}
	})
	want, buf, was := rand.NewChaCha8(key), make([]byte, 32<<10), make([]byte, 32<<10)
	for n := 0; ; {
		k, err := st.Read(buf)
		_, _ = want.Read(was[:k]) // it never fails
		if string(buf[:k]) != string(was[:k]) {
			l.complain("stream: false bytes after %d", n)
		}
		if n < 64<<10 && n+k >= 64<<10 {
			began()
		}
		n += k
		if err != nil {
			if !errors.Is(err, gantline.ErrSessionLost) {
				l.complain("stream: read: %v", err)
			}
			break
		}
	}
	wg.Wait()
}

// round puts the server under load, kills it, continues after the broken hook, and starts it again.
func (l *ledger) round(t *testing.T, srv *process, spec childSpec, seed uint64) *process {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rng := rand.New(rand.NewPCG(seed, 0))
	busy, idle := context.WithCancel(ctx)
	var load, began sync.WaitGroup
	for i := range uint64(streams) {
		began.Add(1)
		once := sync.OnceFunc(began.Done)
		load.Go(func() {
			defer once()
			l.stream(ctx, seed*100+i, once)
		})
	}
	for range 16 {
		load.Go(func() {
			for busy.Err() == nil {
				l.call(ctx, false)
			}
		})
	}
	load.Go(func() { l.publish(ctx, busy) })
	began.Wait()
	time.Sleep(time.Duration(rng.Int64N(int64(100 * time.Millisecond)))) // anywhere in the transfer
	idle()
	srv.kill()
	<-l.broken
	for range 1000 {
		load.Go(func() { l.call(ctx, true) })
	}
	time.Sleep(time.Duration(rng.Int64N(int64(300 * time.Millisecond))))
	srv = start(t, spec)
	load.Wait()
	if _, err := l.end.Call(ctx, "hello", []byte("again")); err != nil { // the server calls back
		t.Errorf("handlers of the client after the kill: %v", err)
	}
	return srv
}

// TestKillServer: kill -9 of the server during a transfer, and a restart on the same address. The server's books
// say what it ran and received; the client's ledger must agree with them.
func TestKillServer(t *testing.T) {
	l := &ledger{broken: make(chan struct{}, 1), calls: make(map[uint64]error), after: make(map[uint64]bool), acked: make(map[uint64]bool)}
	dir := t.TempDir()
	srv := start(t, childSpec{Role: "server", Addr: home(), Dir: dir})
	spec := childSpec{Role: "server", Addr: srv.said, Dir: dir}
	var fresh atomic.Int32
	cfg := gantline.Config{Logger: quiet,
		OnState: func(_ *gantline.End, s gantline.State) {
			if s == gantline.StateBroken {
				l.broken <- struct{}{}
			}
		},
		OnSession: func(_ *gantline.End, isFresh bool) {
			if isFresh {
				fresh.Add(1)
			}
		},
		Setup: func(e *gantline.End) error {
			e.Handle("hello", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil }))
			return nil
		},
	}
	var err error
	if l.end, err = client.Dial(t.Context(), "tcp", srv.said, client.WithConfig(cfg)); err != nil {
		t.Fatal(err)
	}
	defer l.end.Close()
	for i := range kills {
		srv = l.round(t, srv, spec, uint64(i))
	}
	if n := l.end.Stats().Sessions; n != kills+1 || int(fresh.Load()) != n || l.end.State() != gantline.StateUp {
		t.Errorf("%d sessions, %d told as fresh, the End is %v", n, fresh.Load(), l.end.State())
	}
	if err := l.end.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	<-l.end.Context().Done()
	l.compare(t, dir)
	for _, w := range l.wrong {
		t.Error(w)
	}
}

// compare checks what the client learned against what the server recorded.
func (l *ledger) compare(t *testing.T, dir string) {
	ran, messages := readBooks(t, dir)
	copies := 0
	for n, got := range messages {
		for _, flagged := range got[1:] {
			if copies++; !flagged {
				l.complain("message %d came again and was not flagged", n)
			}
		}
	}
	unknown, after := 0, 0
	for n, err := range l.calls {
		switch {
		case l.after[n] && (err != nil || ran[n] != 1):
			l.complain("call %d after the broken hook ran %d times: %v", n, ran[n], err)
		case err == nil && ran[n] == 1:
		case errors.Is(err, gantline.ErrUnknownOutcome) && ran[n] <= 1:
			unknown++
		case errors.Is(err, gantline.ErrNotSent) && ran[n] == 0:
		default:
			l.complain("call %d ran %d times: %v", n, ran[n], err)
		}
		if l.after[n] {
			after++
		}
	}
	for n, before := range l.acked {
		if got := len(messages[n]); got == 0 || before && got != 1 || got > 2 {
			l.complain("message %d arrived %d times; acked before the kill: %v", n, got, before)
		}
	}
	t.Logf("%d kills: %d calls, %d of unknown outcome; %d of them after the broken hook, 0 unknown; %d messages, %d arrived once more, flagged",
		kills, len(l.calls), unknown, after, len(l.acked), copies)
	if after != kills*1000 || copies == 0 {
		t.Errorf("%d calls after the hook, %d messages came again: the test has lost its point", after, copies)
	}
}
