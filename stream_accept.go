package gantline

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
)

// backlog holds the peer's streams that the application has not taken yet: a queue per name that a
// Listener claims, and one for the rest.
type backlog struct {
	mu    sync.Mutex
	named map[string]*acceptQueue // guarded by mu
	rest  acceptQueue             // guarded by mu
	err   error                   // why no more streams come; guarded by mu
}

// acceptQueue is guarded by the backlog's mu.
type acceptQueue struct {
	streams []*Stream
	waiters []chan *Stream // capacity 1; closed when no more streams come
	claims  int            // listeners that are open
}

func (b *backlog) queueLocked(name string) *acceptQueue {
	if q := b.named[name]; q != nil {
		return q
	}
	return &b.rest
}

// put queues st for whoever claims its name.
func (b *backlog) put(st *Stream) {
	b.mu.Lock()
	if b.err == nil {
		b.queueLocked(st.Name()).giveLocked(st)
	}
	b.mu.Unlock()
	if st.dead.Load() {
		b.remove(st)
	}
}

func (q *acceptQueue) giveLocked(st *Stream) {
	if len(q.waiters) == 0 {
		q.streams = append(q.streams, st)
		return
	}
	q.waiters[0] <- st
	q.waiters = slices.Delete(q.waiters, 0, 1)
}

// take waits for a stream of q until ctx ends or done is closed.
func (b *backlog) take(ctx context.Context, q *acceptQueue, done <-chan struct{}) (*Stream, error) {
	b.mu.Lock()
	if len(q.streams) > 0 {
		st := q.streams[0]
		q.streams[0] = nil
		q.streams = q.streams[1:]
		b.mu.Unlock()
		return st, nil
	}
	if b.err != nil {
		defer b.mu.Unlock()
		return nil, b.err
	}
	w := make(chan *Stream, 1)
	q.waiters = append(q.waiters, w)
	b.mu.Unlock()
	var err error
	select {
	case st, ok := <-w:
		if ok {
			return st, nil
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		return nil, b.err
	case <-ctx.Done():
		err = contextError(ctx, "")
	case <-done:
		err = errListenerClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	} else if st, ok := <-w; ok { // it came just now: it is the next one's
		b.queueLocked(st.Name()).returnLocked(st)
	}
	return nil, err
}

// returnLocked puts st where it was: before all others.
func (q *acceptQueue) returnLocked(st *Stream) {
	if len(q.waiters) > 0 {
		q.giveLocked(st)
		return
	}
	q.streams = slices.Insert(q.streams, 0, st)
}

// remove forgets a stream that was reset while it waited.
func (b *backlog) remove(st *Stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queueLocked(st.Name())
	if i := slices.Index(q.streams, st); i >= 0 {
		q.streams = slices.Delete(q.streams, i, i+1)
		if st.end.plain { // it counts as waiting until it is accepted; the session's lock may be held
			go st.mx.Accept() // ends at once
		}
	}
}

// end says why no more streams come. What waits can still be taken, unless it is dropped.
func (b *backlog) end(err error, drop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	b.rest.endLocked(drop)
	for _, q := range b.named {
		q.endLocked(drop)
	}
}

func (q *acceptQueue) endLocked(drop bool) {
	for _, w := range q.waiters {
		close(w)
	}
	q.waiters = nil
	if drop {
		q.streams = nil
	}
}

// len returns how many streams wait.
func (b *backlog) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.rest.streams)
	for _, q := range b.named {
		n += len(q.streams)
	}
	return n
}

// claim returns the queue of name, with the streams of that name that wait already.
func (b *backlog) claim(name string) *acceptQueue {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name == "" {
		return &b.rest
	}
	q := b.named[name]
	if q == nil {
		q = new(acceptQueue)
		if b.named == nil {
			b.named = make(map[string]*acceptQueue)
		}
		b.named[name] = q
		b.rest.streams = slices.DeleteFunc(b.rest.streams, func(st *Stream) bool {
			if st.Name() == name {
				q.streams = append(q.streams, st)
				return true
			}
			return false
		})
	}
	q.claims++
	return q
}

// release ends a claim. Streams nobody took go to whoever takes the rest.
func (b *backlog) release(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.named[name]
	if q == nil {
		return
	}
	if q.claims--; q.claims > 0 {
		return
	}
	delete(b.named, name)
	for _, st := range q.streams {
		b.rest.giveLocked(st)
	}
	q.streams = nil
}

// errListenerClosed is what Accept of a closed Listener returns.
var errListenerClosed = fmt.Errorf("gantline: listener is closed: %w", net.ErrClosed)

// listener is what End.Listener returns.
type listener struct {
	e    *End
	name string
	q    *acceptQueue
	once sync.Once
	done chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, errListenerClosed
	default:
	}
	st, err := l.e.accept(context.Background(), l.q, l.done)
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.e.backlog.release(l.name)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.e.Addr() }
