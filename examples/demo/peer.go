package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gantline-project/gantline"
)

// What travels in calls and messages. Both sides share these declarations, which are all the IDL there is.
type (
	pair struct{ A, B int64 }
	sum  struct{ Sum int64 }
	tick struct{ Seq int64 }
	file struct {
		Size   int64
		SHA256 []byte
	}
	verdict struct {
		File  file
		Wrong []string
	}
)

const (
	add      = gantline.Method[pair, sum]("math.add")
	position = gantline.Method[struct{}, int64]("file.position") // asked by the server: how much the client has
	finish   = gantline.Method[struct{}, verdict]("demo.finish") // asked by the client when the file is there
	ticks    = gantline.Topic[tick]("demo.tick")
)

const (
	atLeast  = 50                    // calls and messages in each direction, however soon the file is through
	ackAfter = 10 * time.Millisecond // how long a message is worked on
	patience = time.Minute           // for a call or an ack
)

// peer is one side: what it sends, and what reaches it.
type peer struct {
	name string
	opt  options
	*ledger

	mu    sync.Mutex // guards what follows
	wrong []string   // the first few errors
	state gantline.State
	sent  map[int]uint64 // bytes sent again, by session
	fresh int            // sessions begun after the first
}

func newPeer(name string, opt options, l *ledger) *peer {
	return &peer{name: name, opt: opt, ledger: l, sent: make(map[int]uint64)}
}

func (p *peer) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.wrong) < 5 {
		p.wrong = append(p.wrong, p.name+": "+fmt.Sprintf(format, args...))
	}
}

func (p *peer) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.wrong)
}

// config is what both sides' Ends have in common.
func (p *peer) config() gantline.Config {
	return gantline.Config{ID: "demo-" + p.name, Logger: quiet, Dedup: p.ledger, Setup: p.setup,
		OnState: func(_ *gantline.End, s gantline.State) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.state = s
		},
		OnSession: p.session,
	}
}

// session records the outcome of a cut.
func (p *peer) session(end *gantline.End, fresh bool) {
	st := end.Stats()
	p.mu.Lock()
	before := p.sent[st.Sessions]
	p.sent[st.Sessions] = st.Link.Replayed
	if fresh && st.Sessions > 1 {
		p.fresh++
	}
	p.mu.Unlock()
	if !fresh {
		p.write(replay, int64(st.Link.Replayed-before), gantline.MessageID{})
	}
}

// setup registers what the other side may call and send, before its first frame is processed.
func (p *peer) setup(end *gantline.End) error {
	add.Handle(end, func(_ context.Context, q pair) (sum, error) {
		p.write(ran, q.A, gantline.MessageID{})
		return sum{q.A + q.B}, nil
	})
	ticks.Subscribe(end, func(_ context.Context, t tick, m *gantline.Message) error {
		if last := p.hand(t.Seq, m.ID); t.Seq != last+1 {
			p.complain("message %d came after message %d", t.Seq, last)
		}
		time.AfterFunc(ackAfter, func() { _ = m.Ack() }) // if this fails, the message comes again
		return gantline.ErrAckLater
	})
	return nil
}

// chat calls the other side and publishes to it until ctx is done, and at least atLeast times. Then it waits for what
// is under way. It ends with the End, too.
func (p *peer) chat(ctx context.Context, end *gantline.End) {
	var wg sync.WaitGroup
	wg.Go(func() {
		p.every(ctx, end, p.opt.Calls, func() int64 { return p.sums().Calls }, p.callOnce)
	})
	wg.Go(func() {
		limited, cancel := context.WithCancel(context.Background())
		defer cancel()
		var acks sync.WaitGroup
		p.publishAgain(limited, end, &acks)
		p.every(ctx, end, p.opt.Messages, func() int64 { return p.sums().Sent }, func(end *gantline.End) {
			n, id := p.message()
			p.publish(limited, end, n, id, &acks)
		})
		late := time.AfterFunc(patience, cancel)
		defer late.Stop()
		acks.Wait()
	})
	wg.Wait()
}

// every runs f n times a second.
func (p *peer) every(ctx context.Context, end *gantline.End, n int, done func() int64, f func(*gantline.End)) {
	t := time.NewTicker(time.Second / time.Duration(n))
	defer t.Stop()
	for end.Context().Err() == nil {
		f(end)
		select {
		case <-t.C:
		case <-ctx.Done():
			if done() >= atLeast {
				return
			}
		}
	}
}

// idempotent calls, every second one, are made again when the server was killed under them. The others report
// their outcome.
func idempotent(n int64) bool { return n%2 == 0 }

func (p *peer) callOnce(end *gantline.End) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n := p.call()
	var opts []gantline.CallOption
	if idempotent(n) {
		opts = append(opts, gantline.Idempotent())
	}
	answer, err := add.Call(ctx, end, pair{n, 7 * n}, opts...)
	switch {
	case err == nil && answer.Sum == 8*n:
		p.write(right, n, gantline.MessageID{})
	case err == nil:
		p.complain("call %d: %d + %d = %d", n, n, 7*n, answer.Sum)
	case errors.Is(err, gantline.ErrUnknownOutcome):
		p.write(unknown, n, gantline.MessageID{})
	case errors.Is(err, gantline.ErrNotSent):
		p.write(unsent, n, gantline.MessageID{})
	default:
		p.complain("call %d: %v", n, err)
	}
}

// publish publishes one message and records the ack.
func (p *peer) publish(ctx context.Context, end *gantline.End, n int64, id gantline.MessageID, acks *sync.WaitGroup, opts ...gantline.PublishOption) {
	acks.Add(1)
	_, err := ticks.PublishAsync(ctx, end, tick{n}, append(opts, gantline.WithMessageID(id), gantline.OnDone(func(err error) {
		defer acks.Done()
		switch {
		case err == nil:
			p.write(acked, n, gantline.MessageID{})
		case !errors.Is(err, gantline.ErrSessionLost): // else the next End gets it
			p.complain("message %d: %v", n, err)
		}
	}))...)
	if err != nil {
		acks.Done()
		if end.Context().Err() == nil {
			p.complain("message %d: %v", n, err)
		}
	}
}

// publishAgain publishes what an earlier process of this side, or an earlier End, did not get acked.
func (p *peer) publishAgain(ctx context.Context, end *gantline.End, acks *sync.WaitGroup) {
	p.ledger.mu.Lock()
	ids := make(map[int64]gantline.MessageID, len(p.unacked))
	var old []int64
	for n, id := range p.unacked {
		old, ids[n] = append(old, n), id
	}
	p.ledger.mu.Unlock()
	slices.Sort(old)
	for _, n := range old {
		p.publish(ctx, end, n, ids[n], acks, gantline.Redelivered())
	}
}
