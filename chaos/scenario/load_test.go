package scenario

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
)

// side is one application: what it sends, and what reaches it, counted.
type side struct {
	name string
	end  *gantline.End

	mu    sync.Mutex // guards what follows
	ran   map[uint64]int
	last  uint64 // number of the last message
	count int
	wrong []string

	echoed                            int64 // bytes of its streams that came back right, over all loads
	messages, calls, duplicates, lost int   // that reached it, likewise
}

func newSide(name string) *side { return &side{name: name, ran: make(map[uint64]int)} }

func (s *side) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) < 5 {
		s.wrong = append(s.wrong, s.name+": "+fmt.Sprintf(format, args...))
	}
}

// setup counts calls by their number, and messages in their order: no dedup is on.
func (s *side) setup(e *gantline.End) error {
	e.Handle("count", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) {
		n := binary.BigEndian.Uint64(req.Body)
		s.mu.Lock()
		s.ran[n]++
		s.mu.Unlock()
		return binary.BigEndian.AppendUint64(nil, n+1), nil
	}))
	e.Subscribe("number", func(_ context.Context, m *gantline.Message) error {
		n := binary.BigEndian.Uint64(m.Body)
		s.mu.Lock()
		last := s.last
		s.last = n
		s.count++
		s.mu.Unlock()
		if n != last+1 {
			s.complain("message %d came after %d", n, last)
		}
		return nil
	})
	return nil
}

// load is streams, messages and calls in both directions at once, all of them checked.
func (r *rig) load(seed uint64) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Minute)
	defer cancel()
	busy, idle := context.WithCancel(ctx)
	var work, calls sync.WaitGroup
	var called [2]atomic.Uint64
	for i, pair := range [][2]*side{{r.client, r.server}, {r.server, r.client}} {
		from, to := pair[0], pair[1]
		work.Go(func() { from.publish(ctx) })
		calls.Go(func() { from.call(ctx, busy, &called[i]) })
		work.Go(func() { to.echo(ctx, streams) })
		for k := range streams {
			work.Go(func() { from.push(ctx, seed*100+uint64(10*i+k), streamSize) })
		}
	}
	work.Wait()
	idle()
	calls.Wait()
	for i, pair := range [][2]*side{{r.client, r.server}, {r.server, r.client}} {
		from, to := pair[0], pair[1]
		from.mu.Lock()
		to.mu.Lock()
		to.audit(messages, int(called[i].Load()))
		if to.count != messages || to.last != messages {
			r.t.Errorf("%s -> %s: %d messages of %d arrived, the last is %d", from.name, to.name, to.count, messages, to.last)
		}
		if n := called[i].Load(); uint64(len(to.ran)) != n {
			r.t.Errorf("%s -> %s: %d of %d calls ran", from.name, to.name, len(to.ran), n)
		}
		for n, times := range to.ran {
			if times != 1 {
				r.t.Errorf("%s -> %s: call %d ran %d times", from.name, to.name, n, times)
			}
		}
		for _, w := range from.wrong {
			r.t.Error(w)
		}
		to.mu.Unlock()
		from.mu.Unlock()
	}
}

// again makes s count from the start, for another load.
func (s *side) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran, s.last, s.count = make(map[uint64]int), 0, 0
}

// audit adds up what reached s of the given messages and calls. The lock is held.
func (s *side) audit(messages, calls int) {
	s.messages += s.count
	s.calls += len(s.ran)
	s.duplicates += max(s.count-messages, 0)
	s.lost += max(messages-s.count, 0) + max(calls-len(s.ran), 0)
	for _, times := range s.ran {
		s.duplicates += times - 1
	}
}

// push sends size random bytes over a stream and compares what comes back.
func (s *side) push(ctx context.Context, seed uint64, size int64) {
	st, err := s.end.OpenStream(ctx, gantline.WithName("echo"))
	if err != nil {
		s.complain("open: %v", err)
		return
	}
	defer st.Close()
	defer context.AfterFunc(ctx, func() { st.Reset(gantline.Canceled) })()
	sent := sha256.New()
	go func() { // ends with the write, or with the stream
		src := rand.NewChaCha8([32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), seed)))
		if _, err := io.Copy(st, io.TeeReader(io.LimitReader(src, size), sent)); err != nil {
			s.complain("write: %v", err)
		}
		st.CloseWrite()
	}()
	got := sha256.New()
	n, err := io.Copy(got, st)
	s.mu.Lock()
	s.echoed += n
	s.mu.Unlock()
	if err != nil || n != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		s.complain("echo: %d bytes of %d came back, right: %v, %v", n, size, bytes.Equal(got.Sum(nil), sent.Sum(nil)), err)
	}
}

// echo sends back what arrives on n streams.
func (s *side) echo(ctx context.Context, n int) {
	var wg sync.WaitGroup
	for range n {
		st, err := s.end.AcceptStream(ctx)
		if err != nil {
			s.complain("accept: %v", err)
			break
		}
		wg.Go(func() {
			defer st.Close()
			if _, err := io.Copy(st, st); err != nil {
				s.complain("echo: %v", err)
			}
		})
	}
	wg.Wait()
}

// publish sends numbered messages, as many at a time as there is room for, and waits for every ack.
func (s *side) publish(ctx context.Context) {
	var acks sync.WaitGroup
	for n := uint64(1); n <= messages; n++ {
		acks.Add(1)
		_, err := s.end.PublishAsync(ctx, "number", binary.BigEndian.AppendUint64(nil, n), gantline.OnDone(func(err error) {
			if err != nil {
				s.complain("message %d: %v", n, err)
			}
			acks.Done()
		}))
		if err != nil {
			s.complain("message %d: %v", n, err)
			acks.Done()
			break
		}
	}
	acks.Wait()
}

// call makes numbered calls at callRate until busy is done; each must be answered.
func (s *side) call(ctx, busy context.Context, made *atomic.Uint64) {
	t := time.NewTicker(time.Second / callRate)
	defer t.Stop()
	var wg sync.WaitGroup
	for n := uint64(0); busy.Err() == nil; n++ {
		made.Add(1)
		wg.Go(func() {
			got, err := s.end.Call(ctx, "count", binary.BigEndian.AppendUint64(nil, n))
			if err != nil || binary.BigEndian.Uint64(got) != n+1 {
				s.complain("call %d: %x, %v", n, got, err)
			}
		})
		select {
		case <-t.C:
		case <-busy.Done():
		}
	}
	wg.Wait()
}
