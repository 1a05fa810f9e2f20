package conn

import (
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/gantline-project/gantline/frame"
)

// takeOver is the server's side of a resume. c brings a HELLO for the session of l.
// Nothing of l changes before the proof is verified. When takeOver returns nil, the
// link is up with c.
//
// The order matters (docs/model): the epoch moves on, the older carrier's reader
// is stopped and joined, and only then is the position read.
//
// The end of the handshake's context ends every wait: the older carrier's reader may be
// inside of user code. The epoch has moved on then, and the client tries again.
func (l *Link) takeOver(c *carrier, m *limit, hello *frame.Hello) error {
	if err := m.await(l.life.started); err != nil {
		return err
	}
	r := hello.Resume
	bare, err := l.verify(c, hello)
	if err != nil {
		return err
	}
	if err := m.commit(); err != nil {
		return err
	}
	if err := l.carriers.resuming.take(m); err != nil {
		return err
	}
	defer l.carriers.resuming.free()
	l.mu.Lock()
	switch {
	case l.life.ended || l.bye.sent || l.bye.heard || l.life.final:
		ending := !l.life.ended && r.Epoch > l.carriers.epoch
		l.mu.Unlock()
		if ending { // our BYE does not reach the client any more: it learns here, when the position is final
			l.carrier().cut()
			if err := m.await(l.life.done); err != nil {
				return err
			}
		}
		return l.Epitaph()
	case r.Epoch <= l.carriers.epoch:
		epoch := l.carriers.epoch
		l.mu.Unlock()
		return &RefusedError{Code: frame.Aborted, Text: "a newer attempt was seen", Epoch: epoch}
	case r.Position < l.send.log.acked || r.Position > l.send.log.sent:
		text := fmt.Sprintf("position %d is not between %d and %d", r.Position, l.send.log.acked, l.send.log.sent)
		l.mu.Unlock()
		return &RefusedError{Code: frame.OutOfRange, Text: text}
	}
	l.carriers.epoch = r.Epoch
	l.carriers.attempts.add(c)
	old := l.carrier()
	old.why = errSuperseded
	l.mu.Unlock()
	old.cut()
	late := m.await(old.joined)

	l.mu.Lock()
	if late != nil || !l.carriers.broken { // or its end was decided meanwhile
		l.carriers.attempts.drop(c)
		last := late != nil && l.unbreakLocked()
		l.mu.Unlock()
		if last {
			l.finish()
		}
		if late == nil {
			late = m.await(l.life.done)
		}
		if late != nil {
			return late
		}
		return l.Epitaph()
	}
	l.mu.Unlock()
	err = l.welcomeBack(c, hello, bare)
	if late := m.release(); err == nil {
		err = late
	}

	l.mu.Lock()
	l.carriers.attempts.drop(c)
	if err == nil {
		l.peerReady(c)
		err = l.attachLocked(c, r.Position, r.Released)
	}
	last := err != nil && l.unbreakLocked()
	l.mu.Unlock()
	if err != nil {
		if last {
			l.finish()
		}
		return err
	}
	l.deliver()
	return nil
}

// verify checks the client's proof and returns HELLO without it.
func (l *Link) verify(c *carrier, hello *frame.Hello) (bare []byte, err error) {
	got := hello.Resume.MAC
	hello.Resume.MAC = [32]byte{}
	bare = frame.AppendHello(nil, hello)
	want, err := l.proof(c.nc, "client", bare, nil)
	if err != nil || !hmac.Equal(got[:], want[:]) {
		text := "the proof for the session is not valid"
		if same, _ := seeTLS(c.nc).agree(hello); l.keys.bound && !same {
			text = "the session is bound to TLS, and TLS does not reach from the client to the server now"
		}
		return nil, &RefusedError{Code: frame.Unauthenticated, Text: text}
	}
	if !l.keys.owner.owns(principalOf(c.nc)) {
		return nil, &RefusedError{Code: frame.Unauthenticated, Text: "the session was made with another client certificate"}
	}
	return bare, nil
}

// welcomeBack writes the WELCOME of a resume.
func (l *Link) welcomeBack(c *carrier, hello *frame.Hello, bare []byte) error {
	w := frame.Welcome{
		Version:   frame.Version,
		Features:  l.peer.Features,
		Limits:    l.cfg.Limits,
		Heartbeat: uint32(max(l.peer.Heartbeat, MinHeartbeat).Milliseconds()),
		Expiry:    uint32(l.peer.Expiry.Milliseconds()),
		ServerID:  l.localID,
		ClientID:  l.peer.ID,
		Session:   l.peer.Session,
		Resumed:   &frame.ResumeWelcome{Position: l.recv.position.Load(), Released: l.releasedNow()},
	}
	rand.Read(w.Nonce[:]) // never fails
	mac, err := l.proof(c.nc, "server", bare, frame.AppendWelcome(nil, &w))
	if err != nil {
		return err
	}
	w.Resumed.MAC = mac
	_, err = c.nc.Write(message(frame.TypeWelcome, frame.AppendWelcome(nil, &w)))
	return err
}

// Epitaph returns with what a resume of a link that has ended is refused. It has the
// code, and the position up to which the peer's frames were taken. There is no
// position while a reader may still take some.
func (l *Link) Epitaph() *RefusedError {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &RefusedError{Code: frame.NotFound, Text: "the session has ended"}
	if l.life.ended {
		e.Position, e.HasPosition = l.recv.position.Load(), true
	}
	var closed *ClosedError
	var refused *RefusedError
	switch {
	case l.life.cause == nil:
	case e.HasPosition && errors.As(l.life.cause, &closed):
		e.Closed, e.Code, e.Text = true, closed.Code, closed.Text
	case e.HasPosition && errors.As(l.life.cause, &refused) && refused.Code == frame.AlreadyExists:
		e.Closed, e.Code, e.Text = true, refused.Code, refused.Text
	default:
		e.Text += ": " + bare(l.life.cause)
	}
	return e
}
