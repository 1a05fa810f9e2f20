package sim

import (
	"context"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
)

// play is the whole schedule, in a bubble.
func (w *world) play() {
	w.began = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.ctx = ctx
	w.serve()
	var weather sync.WaitGroup
	weather.Go(w.weather)
	if err := w.connect(); err != nil {
		w.t.Errorf("the client never got through: %v", err)
		weather.Wait()
		w.end()
		return
	}
	w.wg.Go(func() { w.client.work(&w.p.work[0]) })
	w.migrations()
	weather.Wait()
	w.settle()
	w.end()
	w.verdict()
}

// settle waits until all work is done and the two sides have nothing left to say.
func (w *world) settle() {
	for !w.settled() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-w.ctx.Done():
			w.t.Errorf("not done after %v: %s", patience, w.unfinished())
			return
		}
	}
	live := w.live()
	if live == nil {
		w.t.Error("the server has no session that is up")
		return
	}
	w.idle(live)
}

// settled reports whether all have done their work, except those that the client cannot reach any more.
func (w *world) settled() bool {
	if w.client.e.State() != gantline.StateUp || !done(w.client) {
		return false
	}
	up := 0
	for _, x := range w.all() {
		switch x.e.State() {
		case gantline.StateUp:
			up++
			if !done(x) {
				return false
			}
		}
	}
	return up == 1 && (w.p.lossy || w.arrived())
}

// all is the sessions of servers that were taken.
func (w *world) all() (xs []*peer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.peers {
		if x.begun {
			xs = append(xs, x)
		}
	}
	return xs
}

// live is the one session of a server that the client has.
func (w *world) live() *peer {
	for _, x := range w.all() {
		if x.e.State() == gantline.StateUp {
			return x
		}
	}
	return nil
}

func done(x *peer) bool {
	select {
	case <-x.worked:
		return true
	default:
		return false
	}
}

// idle checks that the last frames are acknowledged in time, with nothing after them. Then nothing may be held.
func (w *world) idle(live *peer) {
	ends := [2]*gantline.End{w.client.e, live.e}
	<-time.After(5 * time.Second) // stalls and what is left of acks
	for i, e := range ends {
		if err := e.Notify(w.ctx, "last", []byte("words")); err != nil {
			w.t.Errorf("last notify of %d: %v", i, err)
		}
	}
	const ackTimer = 10 * time.Millisecond
	limit := ackTimer + 3*w.p.latency + time.Millisecond // there, back with the answer, and the ack of that
	if !w.p.calm {
		limit = 2 * time.Minute // the heartbeat notices a last fault
	}
	var said string
	for at := time.Now(); time.Since(at) < limit; {
		<-time.After(limit / 8)
		synctest.Wait()
		said = ""
		for i, e := range ends {
			s := e.Stats()
			if s.Link.LogUnacked != 0 || s.Link.LogMemory != 0 || s.Open != 0 || s.Handlers != 0 {
				said = fmt.Sprintf("%v after the last word end %d has %d bytes unacked, %d of log, %d open, %d handlers", limit, i,
					s.Link.LogUnacked, s.Link.LogMemory, s.Open, s.Handlers)
			}
		}
		if said == "" {
			return
		}
	}
	w.t.Error(said)
}

// end closes both sides.
func (w *world) end() {
	w.mu.Lock()
	w.ending = true
	w.mu.Unlock()
	var err error
	if c := w.client; c != nil {
		switch w.p.closer {
		case 0:
			err = c.e.Close()
		case 1:
			err = c.e.Shutdown(w.ctx)
		default:
			if live := w.live(); live != nil {
				err = live.e.Close()
			}
			_ = c.e.Close()
		}
		if err != nil && !w.t.Failed() {
			w.t.Errorf("close: %v", err)
		}
	}
	w.mu.Lock()
	srv := w.srv
	w.mu.Unlock()
	_ = srv.Close()
	w.each((*carrier).cut)
	w.wg.Wait()
}
