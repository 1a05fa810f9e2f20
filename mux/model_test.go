package mux

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// model runs random work on two sessions over links that hold frames and acks back for random times, checks
// every byte that arrives, and in the end that nothing is held.
type model struct {
	t     *testing.T
	seed  uint64
	ends  [2]*side
	serve atomic.Int64  // accepted streams and exchanges that are being served
	over  chan struct{} // ends those who accept
	slack int           // of 100: how often somebody gives up
}

// period is prime, so that no frame or chunk looks like its neighbour.
const period = 65521

var cycle = func() []byte {
	p := make([]byte, 2*period)
	for i := range period {
		p[i] = byte(uint32(i) * 2654435761 >> 13)
		p[period+i] = p[i]
	}
	return p
}()

// slice returns up to a period of what a name stands for, from byte off on.
func slice(name uint64, off int) []byte {
	k := (name%period*257 + uint64(off)) % period
	return cycle[k : k+period]
}

func content(name uint64, n int) []byte {
	p := make([]byte, n)
	for off := 0; off < n; off += period {
		copy(p[off:], slice(name, off))
	}
	return p
}

func (m *model) check(what string, name uint64, off int, p []byte) {
	for len(p) > 0 {
		n := min(len(p), period)
		if !bytes.Equal(p[:n], slice(name, off)[:n]) {
			m.t.Errorf("seed %d: %s %d: wrong bytes at %d", m.seed, what, name, off)
			return
		}
		p, off = p[n:], off+n
	}
}

// seeds is raised for a soak: go test -run TestModel -seeds 500.
var seeds = flag.Uint64("seeds", 6, "how many random histories TestModel runs")

func TestModel(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runModel(t, seed) })
		})
	}
}

func runModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	m := &model{t: t, seed: seed, over: make(chan struct{}), slack: []int{0, 10, 40}[seed%3]}
	log := []int{80 << 10, 200 << 10, 1 << 20}[rnd.IntN(3)]
	tight := rnd.IntN(2) == 0
	m.ends[0], m.ends[1] = newPair(t, func(c, s *Config) {
		for _, cfg := range []*Config{c, s} {
			cfg.OpenTimeout = time.Hour
			cfg.BodyBudget, cfg.StreamBudget = 2<<20, 1<<20
			if tight {
				smallLimits(cfg)
				for _, l := range []*frame.Limits{&cfg.Local, &cfg.Peer} {
					l.EarlyStream, l.Backlog = 5000, 2
					l.EarlyPool = [frame.Groups]uint32{9000, 9000, 9000}
				}
			}
		}
	})
	var accepting, work sync.WaitGroup
	for i, e := range m.ends {
		pause := func(most int) func() time.Duration {
			r := rand.New(rand.NewPCG(seed, uint64(10*i+most)))
			return func() time.Duration { return time.Duration(r.IntN(most)) * time.Microsecond }
		}
		e.l.limit, e.l.delay, e.l.ackDelay, e.l.rtt = log, pause(200), pause(2000), time.Millisecond
		e.acc.accept, e.acc.fn = m.accept, m.answer
		e.acc.cancel = func(x *Incoming, _ error) {
			if !x.Complete() {
				go func() { defer m.serve.Add(-1); x.Reply(context.Background(), nil, nil) }()
			}
		}
		accepting.Go(func() { m.acceptStreams(e) })
	}
	for i := range 24 {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		work.Go(func() {
			from := m.ends[i%2]
			for range 6 {
				if i%4 < 2 {
					m.exchange(from, r)
				} else {
					m.stream(from, r)
				}
			}
		})
	}
	work.Wait()
	<-time.After(time.Minute) // everything in flight arrives, and is served
	close(m.over)
	accepting.Wait()
	for _, e := range m.ends {
		e.First().Close()
	}
	<-time.After(time.Minute)
	if n := m.serve.Load(); n != 0 {
		t.Errorf("seed %d: %d are still served", seed, n)
	}
	checkIdle(t, m.ends[0], m.ends[1])
}

// stream opens one, sends and receives on it, and sometimes gives up half way.
func (m *model) stream(from *side, rnd *rand.Rand) {
	name := rnd.Uint64()
	st, err := from.OpenStream(m.t.Context(), &Open{Name: fmt.Sprint(name)}, content(name, rnd.IntN(100)))
	if err != nil {
		m.t.Errorf("seed %d: open: %v", m.seed, err)
		return
	}
	sent := int(from.sentBody(st))
	if rnd.IntN(2) == 0 && rnd.IntN(100) >= m.slack {
		x, err := call(m.t.Context(), from.Session, &Open{Kind: frame.KindCall, Parent: st.ID(), Name: "1"}, content(1, 1000))
		if err != nil || x.Err != nil {
			m.t.Errorf("seed %d: call under a stream: %v, %v", m.seed, err, x)
		}
	}
	m.both(st, name, sent, rnd)
}

// sentBody returns how many bytes the OPEN of st has brought.
func (x *side) sentBody(st *Stream) uint32 {
	x.l.Lock()
	defer x.l.Unlock()
	return x.cfg.Peer.EarlyStream - uint32(st.early)
}

func (m *model) acceptStreams(e *side) {
	for {
		select {
		case st := <-e.acc.streams:
			m.serve.Add(1)
			go func() {
				defer m.serve.Add(-1)
				var name uint64
				fmt.Sscan(st.Name(), &name)
				rnd := rand.New(rand.NewPCG(name, 1))
				<-time.After(time.Duration(rnd.IntN(500)) * time.Microsecond)
				st.Accept()
				m.both(st, name, 0, rnd)
			}()
		case <-m.over:
			return
		}
	}
}

// both sends and receives on a stream until both directions have ended.
func (m *model) both(st *Stream, name uint64, sent int, rnd *rand.Rand) {
	size := sent + []int{0, 10, 5000, 100 << 10, 700 << 10}[rnd.IntN(5)]
	quits := rnd.IntN(100) < m.slack
	stop := rnd.IntN(size + 1)
	step := 1 + rnd.IntN(100<<10)
	var wg sync.WaitGroup
	wg.Go(func() {
		data := content(name, size)
		for sent < size {
			n, err := st.Write(data[sent:min(size, sent+step)])
			if sent += n; err != nil {
				return
			}
			if quits && sent >= stop {
				if step%2 == 0 {
					st.Reset(frame.Aborted, "enough")
				} else {
					st.Close()
				}
				return
			}
		}
		st.CloseWrite()
	})
	got := 0
	p := make([]byte, step)
	for {
		n, err := st.Read(p)
		m.check("stream", name, got, p[:n])
		if got += n; err != nil {
			if m.slack == 0 && err != io.EOF {
				m.t.Errorf("seed %d: read: %v", m.seed, err)
			}
			break
		}
	}
	wg.Wait()
	st.Close()
}

// exchange sends a call, message or notify, and sometimes gives it up.
func (m *model) exchange(from *side, rnd *rand.Rand) {
	name := rnd.Uint64() % 1000
	kind := []frame.Kind{frame.KindCall, frame.KindMessage, frame.KindNotify, frame.KindUnackedMessage}[rnd.IntN(4)]
	n := []int{0, 10, 4000, 80 << 10, 900 << 10}[rnd.IntN(5)]
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	if rnd.IntN(100) < m.slack {
		t := time.AfterFunc(time.Duration(rnd.IntN(3000))*time.Microsecond, cancel)
		defer t.Stop()
	}
	done := make(waitSink, 2)
	x := &Exchange{Sink: done}
	o := &Open{Kind: kind, Depth: uint8(rnd.IntN(2)), Name: fmt.Sprint(name)}
	if err := from.Start(ctx, x, o, content(name, n)); err != nil {
		if !errors.Is(err, context.Canceled) {
			m.t.Errorf("seed %d: start: %v", m.seed, err)
		}
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
		x.Cancel(frame.Canceled, "")
		<-done
	}
	switch {
	case x.Err != nil:
		if m.slack == 0 {
			m.t.Errorf("seed %d: exchange: %v", m.seed, x.Err)
		}
	case x.Head.Code != frame.OK || len(x.Body) != int(name)*700:
		m.t.Errorf("seed %d: %v %d: %v, %d bytes", m.seed, kind, name, x.Head.Code, len(x.Body))
	default:
		m.check("answer", name+1, 0, x.Body)
	}
}

// accept is AcceptExchange. Messages are wanted some time later.
func (m *model) accept(x *Incoming) {
	x.Value = string(x.Name)
	m.serve.Add(1)
	if x.Complete() {
		go m.answer(x)
	} else if x.Kind.Group() == frame.GroupMessages {
		time.AfterFunc(time.Duration(x.ID()%300)*time.Microsecond, x.Want)
	}
}

func (m *model) answer(x *Incoming) {
	defer m.serve.Add(-1)
	var name uint64
	fmt.Sscan(x.Value.(string), &name)
	m.check("body", name, 0, x.Body)
	if x.ID()%3 == 0 {
		x.Dispatched()
	}
	<-time.After(time.Duration(name) * time.Microsecond)
	if answer := content(name+1, int(name)*700); !x.TryReply(nil, answer) {
		x.Reply(context.Background(), nil, answer)
	}
}
