package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A limit ends a handshake when its context ends, by closing the carrier. That works
// with every net.Conn, whatever the handshake waits for.
type limit struct {
	c   *carrier
	ctx context.Context // with the handshake timeout

	mu        sync.Mutex  // guards what follows
	committed bool        // the peer may take the handshake for done
	released  bool        // the carrier must not be cut any more, or was cut
	err       error       // why it was cut
	grace     *time.Timer // cuts it after all
}

// limited runs f, which shakes hands on c, under the handshake timeout and ctx.
func (l *Link) limited(ctx context.Context, c *carrier, f func(*limit) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.cfg.HandshakeTimeout, errHandshakeTimeout)
	defer cancel()
	m := &limit{c: c, ctx: ctx}
	stop := context.AfterFunc(ctx, m.expire)
	err := f(m)
	stop()
	if late := m.release(); err == nil {
		err = late
	}
	if err == nil {
		return nil
	}
	err = handshakeCause(ctx, l.cfg.HandshakeTimeout, err)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("gantline: the peer hung up: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// expire is called when the context has ended.
func (m *limit) expire() {
	m.mu.Lock()
	committed := m.committed
	if committed && !m.released {
		m.grace = time.AfterFunc(lingerTimeout, m.cut)
	}
	m.mu.Unlock()
	if !committed {
		m.cut()
	}
}

func (m *limit) cut() {
	m.mu.Lock()
	released := m.released
	if !released {
		m.released, m.err = true, context.Cause(m.ctx)
	}
	m.mu.Unlock()
	if !released {
		m.c.cut()
	}
}

// commit is called before the message after which the peer takes the handshake for
// done. From then on the end of the context does not undo the handshake at once: the
// message may take lingerTimeout more. An error says that the context has ended.
func (m *limit) commit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx) // expire cuts the carrier
	}
	m.committed = true
	return nil
}

// await waits until done is closed. An error says that the context has ended before.
func (m *limit) await(done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-m.ctx.Done():
		return context.Cause(m.ctx)
	}
}

// A turn is held by one handshake at a time. The zero value is free.
type turn struct {
	mu   sync.Mutex    // guards what follows
	held chan struct{} // closed when it is free again; nil = it is free
}

func (t *turn) take(m *limit) error {
	for {
		t.mu.Lock()
		held := t.held
		if held == nil {
			t.held = make(chan struct{})
		}
		t.mu.Unlock()
		if held == nil {
			return nil
		}
		if err := m.await(held); err != nil {
			return err
		}
	}
}

func (t *turn) free() {
	t.mu.Lock()
	close(t.held)
	t.held = nil
	t.mu.Unlock()
}

// release leaves the carrier alone from now on. It returns why the carrier was cut, or
// must be.
func (m *limit) release() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.released && !m.committed && m.ctx.Err() != nil {
		m.err = context.Cause(m.ctx)
	}
	m.released = true
	if m.grace != nil {
		m.grace.Stop()
	}
	return m.err
}
