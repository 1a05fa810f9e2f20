package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// What travels in calls and messages. Both sides share these declarations, which is all the IDL there is.
type (
	pair struct{ A, B int64 }
	sum  struct{ Sum int64 }
	tick struct{ Seq int64 }
	file struct {
		Size   int64
		SHA256 []byte
	}
)

const (
	add      = gantline.Method[pair, sum]("math.add")
	received = gantline.Method[struct{}, file]("file.received")
	ticks    = gantline.Topic[tick]("demo.tick")
)

// atLeast is how many calls and messages each direction has, however fast the file is through.
const atLeast = 50

// peer is one side: what it sent and what reached it.
type peer struct {
	name string
	end  atomic.Pointer[gantline.End]

	calls, answered, executed atomic.Int64 // made by this side, rightly answered, run by this side for the other
	sent, acked, got          atomic.Int64 // messages published, acked by the other side, received by this one
	lastSeq                   atomic.Int64

	mu    sync.Mutex // guards wrong
	wrong []string   // what was not right, the first few
}

func (p *peer) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.wrong) < 5 {
		p.wrong = append(p.wrong, p.name+": "+fmt.Sprintf(format, args...))
	}
}

// demo is one run.
type demo struct {
	opt   options
	src   *source
	start time.Time
	took  time.Duration

	server, client peer
	pushed, pulled atomic.Int64 // bytes of the file
	cable          cable
	pushedSum      []byte
	pulledSum      []byte
}

// setup registers what the other side may call and send, before its first frame is looked at.
func (p *peer) setup(end *gantline.End) error {
	p.end.Store(end)
	add.Handle(end, func(_ context.Context, q pair) (sum, error) {
		p.executed.Add(1)
		return sum{q.A + q.B}, nil
	})
	ticks.Subscribe(end, func(_ context.Context, t tick, _ *gantline.Message) error {
		p.got.Add(1)
		if last := p.lastSeq.Swap(t.Seq); t.Seq != last+1 {
			p.complain("message %d came after message %d", t.Seq, last)
		}
		return nil
	})
	return nil
}

// run starts a server and a client and lets them work until the file is across.
func (d *demo) run(ctx context.Context, v *view) error {
	d.server.name, d.client.name = "server", "client"
	quiet := slog.New(slog.DiscardHandler)
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{ID: "demo-server", Setup: d.server.setup, Logger: quiet}))
	if err != nil {
		return err
	}
	defer ln.Close()

	pull := make(chan error, 1)
	cfg := gantline.Config{ID: "demo-client", Logger: quiet, Setup: func(end *gantline.End) error {
		received.Handle(end, func(ctx context.Context, _ struct{}) (file, error) {
			select {
			case err := <-pull:
				return file{d.pulled.Load(), d.pulledSum}, err
			case <-ctx.Done():
				return file{}, ctx.Err()
			}
		})
		return d.client.setup(end)
	}}
	ce, err := client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(cfg), client.WithDialFunc(d.cable.dial))
	if err != nil {
		return err
	}
	defer ce.Close()
	se, err := ln.AcceptEnd(ctx)
	if err != nil {
		return err
	}
	v.start(ctx)

	work, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { d.cable.keepCutting(work, d.opt.cut) })
	wg.Go(func() { d.server.chat(work, se, d.opt) })
	wg.Go(func() { d.client.chat(work, ce, d.opt) })
	go func() { pull <- d.pull(ctx, ce) }()
	err = d.push(ctx, se)
	stop()
	wg.Wait()
	d.took = time.Since(d.start)
	if err != nil {
		return err
	}
	return errors.Join(ce.Close(), se.Close())
}

// push sends the file over a stream that the server opens, then asks the client what arrived.
func (d *demo) push(ctx context.Context, end *gantline.End) error {
	st, err := end.OpenStream(ctx, gantline.WithName("file"))
	if err != nil {
		return err
	}
	defer st.Close()
	defer context.AfterFunc(ctx, func() { st.Reset(gantline.Canceled) })()
	sum := sha256.New()
	r := &paced{r: d.src, rate: d.opt.rate * (1 << 20), start: time.Now(), sleep: time.Sleep}
	if _, err := io.Copy(st, io.TeeReader(r, &tally{sum, &d.pushed})); err != nil {
		return fmt.Errorf("pushing the file: %w", err)
	}
	if err := st.CloseWrite(); err != nil {
		return err
	}
	d.pushedSum = sum.Sum(nil)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := received.Call(ctx, end, struct{}{}); err != nil {
		return fmt.Errorf("asking what arrived: %w", err)
	}
	return nil
}

// pull is the client's side of push.
func (d *demo) pull(ctx context.Context, end *gantline.End) error {
	st, err := end.AcceptStream(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	sum := sha256.New()
	_, err = io.Copy(&tally{sum, &d.pulled}, st)
	d.pulledSum = sum.Sum(nil)
	return err
}

// tally hashes and counts what is written to it.
type tally struct {
	hash.Hash
	n *atomic.Int64
}

func (t *tally) Write(p []byte) (int, error) {
	t.n.Add(int64(len(p)))
	return t.Hash.Write(p)
}

// chat calls the other side and publishes to it until ctx is done, and at least atLeast times.
func (p *peer) chat(ctx context.Context, end *gantline.End, opt options) {
	var wg sync.WaitGroup
	wg.Go(func() { every(ctx, opt.calls, p.callOnce(end)) })
	wg.Go(func() { every(ctx, opt.messages, p.publishOnce(end)) })
	wg.Wait()
}

func (p *peer) callOnce(end *gantline.End) func(i int64) bool {
	return func(i int64) bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		p.calls.Add(1)
		got, err := add.Call(ctx, end, pair{i, 7 * i})
		switch {
		case err != nil:
			p.complain("call %d: %v", i, err)
			return false
		case got.Sum != 8*i:
			p.complain("call %d: %d + %d = %d", i, i, 7*i, got.Sum)
		default:
			p.answered.Add(1)
		}
		return true
	}
}

func (p *peer) publishOnce(end *gantline.End) func(i int64) bool {
	return func(i int64) bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		p.sent.Add(1)
		if err := ticks.Publish(ctx, end, tick{i}); err != nil {
			p.complain("message %d: %v", i, err)
			return false
		}
		p.acked.Add(1)
		return true
	}
}

// every runs f for 1, 2, 3, ... at n a second until ctx is done or f says stop.
func every(ctx context.Context, n int, f func(i int64) bool) {
	t := time.NewTicker(time.Second / time.Duration(n))
	defer t.Stop()
	for i := int64(1); f(i); i++ {
		if i < atLeast {
			continue
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}
