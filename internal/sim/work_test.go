package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gantline-project/gantline"
)

// register makes x serve its peer.
func (x *peer) register(e *gantline.End) {
	e.Handle("work", gantline.HandlerFunc(x.answer))
	e.Handle("back", gantline.HandlerFunc(x.answer))
	var notes sync.Mutex
	e.Handle("note", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) {
		if !notes.TryLock() {
			x.wrong("two notifies are handled at a time")
			return nil, nil
		}
		defer notes.Unlock()
		if id, it := x.ran("notify", req.Body); it != nil {
			x.arrive("/n", id, false)
		}
		return nil, nil
	}))
	e.Handle("last", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) { return nil, nil }))
	e.HandleStream("chat", x.chatBack)
	e.Subscribe("mail", func(_ context.Context, m *gantline.Message) error {
		x.take(m, "/m")
		return nil
	})
}

// take records a message and works on it.
func (x *peer) take(m *gantline.Message, kind string) {
	if id, it := x.ran("message", m.Body); it != nil {
		x.arrive(kind, id, m.Redelivered)
		if it.plan.delay > 0 {
			<-time.After(it.plan.delay)
		}
	}
}

// mail receives what nobody subscribed to, until the End is over.
func (x *peer) mail() {
	for m, err := range x.e.Messages(x.w.ctx) {
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !x.may(err) {
				x.wrong("receive: %v", err)
			}
			return
		}
		x.take(m, "/mr")
		_ = m.Ack() // the publisher sees that nobody waits for it any more
	}
}

// work does everything that x has to do.
func (x *peer) work(l *workload) {
	defer close(x.worked)
	var wg sync.WaitGroup
	defer wg.Wait()
	x.w.wg.Go(x.accept)
	x.w.wg.Go(x.mail)
	do := func(kind string, n int, f func(id string)) {
		wg.Go(func() {
			id := fmt.Sprintf("%s/%s%d", x.name, kind, n)
			defer x.w.start(id)()
			f(id)
		})
	}
	for i := range l.streams {
		do("stream", i, func(id string) { x.stream(id, &l.streams[i]) })
	}
	for i := range l.calls {
		do("call", i, func(id string) { x.call(id, l.calls[i]) })
	}
	for i := range l.chats {
		do("chat", i, func(id string) { x.chat(id, &l.chats[i]) })
	}
	do("first out", 0, func(string) { x.sendFirst(l.first) })
	do("first in", 0, func(string) { x.receiveFirst() })
	do("mail", 0, func(string) { x.publish(l.messages) })
	do("notes", 0, func(string) { x.notify(l.notifies) })
}

// answer serves calls.
func (x *peer) answer(ctx context.Context, req *gantline.Request) ([]byte, error) {
	id, it := x.ran("call", req.Body)
	if it == nil {
		return nil, gantline.DataLoss
	}
	if it.plan.delay > 0 {
		select {
		case <-time.After(it.plan.delay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if it.plan.back >= 0 {
		x.back(ctx, id, it)
	}
	return x.w.body(id+"?", it.plan.reply), nil
}

// back calls the caller from inside the handler of a call.
func (x *peer) back(ctx context.Context, id string, call *item) {
	w := x.w
	w.mu.Lock()
	id = fmt.Sprintf("%s back %d", id, call.runs)
	w.mu.Unlock()
	it := w.add(id, &item{origin: x, plan: callPlan{size: call.plan.back, back: -1}})
	out, err := gantline.FromContext(ctx).Call(ctx, "back", w.body(id, it.plan.size))
	if ctx.Err() != nil && err != nil && !errors.Is(err, gantline.ErrNotSent) && !errors.Is(err, gantline.ErrUnknownOutcome) {
		err = ctx.Err() // it was given up with its caller
	}
	w.told(it, err)
	if err == nil {
		x.check(id, it, out)
	}
}

func (x *peer) check(id string, it *item, out []byte) {
	if got, size, ok := x.w.open(out); !ok || got != id+"?" || size != it.plan.reply {
		x.wrong("call %s was answered with %d bytes of %q", id, size, got)
	}
}

// call makes a call.
func (x *peer) call(id string, c callPlan) {
	<-time.After(c.at)
	w := x.w
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	var opts []gantline.CallOption
	it := &item{origin: x, plan: c}
	switch c.mode {
	case giveUp:
		defer time.AfterFunc(c.after, cancel).Stop()
	case timeout:
		ctx, cancel = context.WithTimeout(ctx, c.after)
		defer cancel()
	case again:
		it.again = true
		opts = append(opts, gantline.Idempotent())
	}
	w.add(id, it)
	var out []byte
	var err error
	if body := w.body(id, c.size); c.size%2 == 0 {
		out, err = x.e.Call(ctx, "work", body, opts...)
	} else {
		pending := x.e.Go(ctx, "work", body, opts...)
		clear(body) // it is not used any more
		out, err = pending.Wait(context.Background())
	}
	w.told(it, err)
	switch {
	case err == nil:
		x.check(id, it, out)
	case expired(err) && w.ctx.Err() == nil && (c.mode == giveUp || c.mode == timeout):
	case x.may(err):
	default:
		x.wrong("%s: %v", id, err)
	}
}

// publish sends all messages in order and waits for their acks.
func (x *peer) publish(plans []notePlan) {
	w := x.w
	type pending struct {
		id string
		it *item
		p  *gantline.Publication
	}
	var all []pending
	for i, n := range plans {
		<-time.After(n.pause)
		kind, topic := "/m", "mail"
		if n.receive {
			kind, topic = "/mr", "post"
		}
		id := fmt.Sprintf("%s%s%d", x.name, kind, i)
		it := w.add(id, &item{origin: x, noAck: n.noAck, plan: callPlan{size: n.size, delay: n.pause / 4}})
		var opts []gantline.PublishOption
		if n.noAck {
			opts = append(opts, gantline.NoAck())
		}
		body := w.body(id, n.size)
		p, err := x.e.PublishAsync(w.ctx, topic, body, opts...)
		clear(body)
		if err != nil {
			w.told(it, err)
			if !x.may(err) {
				x.wrong("%s: %v", id, err)
			}
			continue
		}
		all = append(all, pending{id, it, p})
	}
	for _, m := range all {
		err := m.p.Wait(w.ctx)
		w.told(m.it, err)
		if err != nil && !x.may(err) {
			x.wrong("%s: %v", m.id, err)
		}
	}
}

// notify sends all notifies in order.
func (x *peer) notify(plans []notePlan) {
	w := x.w
	for i, n := range plans {
		<-time.After(n.pause)
		id := fmt.Sprintf("%s/n%d", x.name, i)
		it := w.add(id, &item{origin: x, plan: callPlan{size: n.size}})
		body := w.body(id, n.size)
		err := x.e.Notify(w.ctx, "note", body)
		clear(body)
		w.told(it, err)
		if err != nil && !x.may(err) {
			x.wrong("%s: %v", id, err)
		}
	}
}
