package conn

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// ErrStaleEpoch says that the server has seen a newer attempt of this session. The
// next Resume uses a higher number than that one.
var ErrStaleEpoch = errs.New(frame.Unknown, "gantline: resume: the server has seen a newer attempt")

// maxAhead is how far the epoch in a REFUSE may be ahead of ours. A REFUSE proves nothing. A server cannot have seen
// more attempts than others have made, and a forged one must not use up all numbers.
const maxAhead = 1 << 32

// Resume shakes hands on nc for a broken link of the dialling side. When it returns
// nil, the link is up again, and what the peer did not get is on its way. On an error
// nc is closed and the link still waits, unless it has ended.
//
// Several may run at once, over different carriers. One of them brings the link up, the
// others return ErrNotBroken then, or why they failed.
//
// Errors: ErrStaleEpoch (try again at once), ErrNotBroken, a *RefusedError (the
// session cannot be resumed there), ctx's, or why the carrier failed.
func (l *Link) Resume(ctx context.Context, nc net.Conn) error {
	l.mu.Lock()
	if !l.carriers.broken {
		l.mu.Unlock()
		nc.Close()
		return ErrNotBroken
	}
	c := l.attemptLocked(nc)
	hello := frame.Hello{
		MinVersion: frame.Version,
		MaxVersion: frame.Version,
		Limits:     l.cfg.Limits,
		ID:         l.localID,
		Auth:       l.cfg.Auth,
		Resume:     &frame.ResumeHello{Session: l.peer.Session, Epoch: c.epoch, Position: l.recv.position.Load()},
	}
	hello.Resume.Released = l.releasedNow()
	l.mu.Unlock()
	rand.Read(hello.Nonce[:]) // never fails

	var w *frame.Welcome
	err := l.limited(ctx, c, func(*limit) (err error) {
		w, err = l.greetAgain(c, &hello)
		return err
	})
	l.mu.Lock()
	l.carriers.attempts.drop(c)
	switch {
	case err != nil:
	case !l.carriers.broken || c.epoch != l.carriers.epoch:
		// Another one was quicker. Or the server may still take a newer one, which says a position that would be old then.
		err = ErrNotBroken
	default:
		l.peerReady(c)
		err = l.attachLocked(c, w.Resumed.Position, w.Resumed.Released)
		l.carriers.spent = true
	}
	var p *ProtocolError
	if errors.As(err, &p) {
		l.failLocked(p)
	}
	last := err != nil && l.unbreakLocked()
	l.mu.Unlock()
	if err != nil {
		c.cut()
		if last {
			l.finish()
		}
		return errs.Coded(err)
	}
	l.deliver()
	return nil
}

// greetAgain is the client's side of a resume.
func (l *Link) greetAgain(c *carrier, hello *frame.Hello) (*frame.Welcome, error) {
	if t, ok := c.nc.(interface{ HandshakeContext(context.Context) error }); ok {
		if err := t.HandshakeContext(context.Background()); err != nil { // limited closes nc
			return nil, err
		}
	}
	if l.keys.bound {
		seeTLS(c.nc).offer(hello)
	}
	hello.Features |= l.peer.Features & frame.FeatureSums
	if hello.Validate() != nil {
		hello.Auth = nil // beside this token there is no room for the resume block; the proof counts
	}
	bare := frame.AppendHello(nil, hello)
	mac, err := l.proof(c.nc, "client", bare, nil)
	if err != nil {
		return nil, err
	}
	hello.Resume.MAC = mac
	first := append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, hello))...)
	if _, err := c.nc.Write(first); err != nil {
		return nil, err
	}
	_, w, err := readWelcome(c.nc)
	var refused *RefusedError
	if errors.As(err, &refused) && refused.Epoch > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if refused.Epoch > l.carriers.epoch && refused.Epoch-l.carriers.epoch > maxAhead {
			return nil, err
		}
		if refused.Epoch >= l.carriers.epoch {
			l.carriers.epoch, l.carriers.spent = refused.Epoch, true
		}
		return nil, ErrStaleEpoch
	}
	if err != nil {
		return nil, err
	}
	r := w.Resumed
	if r == nil {
		return nil, fmt.Errorf("gantline: resume: the server answered with a new session")
	}
	got := r.MAC
	r.MAC = [32]byte{}
	want, err := l.proof(c.nc, "server", bare, frame.AppendWelcome(nil, w))
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(got[:], want[:]) {
		return nil, fmt.Errorf("gantline: resume: the server could not prove that it has the session")
	}
	return w, nil
}

// releasedNow returns the counters that a resume sends. They count as announced.
func (l *Link) releasedNow() (r [frame.Groups]uint64) {
	l.recv.relSent.Store(l.recv.relTotal.Load())
	for g := range l.recv.released {
		r[g] = l.recv.released[g].Load()
	}
	return r
}

// Migrate moves a link of the dialling side from its carrier to nc. The link must be
// one that outlives its carrier. OnState and OnBroken are not called. On an error nc
// is closed; if the old carrier was gone by then, the link is broken, as after any
// other loss. Errors are Resume's.
func (l *Link) Migrate(ctx context.Context, nc net.Conn) error {
	l.mu.Lock()
	if l.State() != StateUp || l.carriers.broken || l.carriers.moving || !l.outlives() {
		l.mu.Unlock()
		nc.Close()
		return ErrNotBroken
	}
	l.carriers.moving = true
	c := l.carrier()
	l.mu.Unlock()
	c.cut()
	<-c.joined
	err := l.Resume(ctx, nc)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	was := l.carriers.moving && l.carriers.broken
	l.carriers.moving = false
	if was {
		l.eventLocked(evLost)
	}
	l.mu.Unlock()
	l.deliver()
	if was {
		l.cfg.OnBroken(l, err)
	}
	return err
}
