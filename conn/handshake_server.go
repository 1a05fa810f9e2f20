package conn

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// Server shakes hands on nc as the side that accepted. The link is up when Server
// returns, and waits for Start. On an error nc is closed. A peer whose first bytes
// are not a preface and a valid HELLO gets no answer at all. A nil cfg means all
// defaults. If nc has a method Handshaken() net.Conn, that is called when the handshake
// needs no more from the peer, and the link goes on with what it returns.
func Server(ctx context.Context, nc net.Conn, cfg *Config) (*Link, error) {
	l, _, err := Accept(ctx, nc, cfg)
	return l, err
}

// Accept is Server for a side that has broken links. If the client resumes one that
// Config.Find knows, that link goes on over nc and is returned, with resumed set.
func Accept(ctx context.Context, nc net.Conn, cfg *Config) (l *Link, resumed bool, err error) {
	c, err := cfg.withDefaults()
	if err != nil {
		nc.Close()
		return nil, false, errs.Coded(err)
	}
	l = newLink(nc, c, false)
	if l.localID = c.ID; l.localID == "" {
		l.localID = randomID()
	}
	var old *Link
	err = l.handshake(ctx, func(m *limit) (err error) {
		old, err = l.answer(m)
		return err
	})
	switch {
	case err != nil:
		return nil, false, err
	case old != nil:
		l.retire()
		return old, true, nil
	}
	return l, false, nil
}

// retire ends a link that only shook hands for another one.
func (l *Link) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.life.ended, l.life.stopped = true, true
	l.life.cause = ErrNotBroken
	close(l.life.started)
	close(l.life.done)
}

// answer is the server's handshake. It returns the link that was resumed, if any.
func (l *Link) answer(m *limit) (*Link, error) {
	said, hello, err := l.readHello()
	if err != nil {
		return nil, err
	}
	if err := l.checkHello(hello); err != nil {
		return nil, l.refuse(err)
	}
	if hello.Resume != nil {
		return l.resumed(m, hello)
	}
	return nil, l.welcome(m, said, hello)
}

// resumed hands the carrier to the link that the client wants back.
func (l *Link) resumed(m *limit, hello *frame.Hello) (*Link, error) {
	var old *Link
	err := error(&RefusedError{Code: frame.NotFound, Text: "the session is not known here"})
	if l.cfg.Find != nil {
		if found, why := l.cfg.Find(hello.Resume.Session); found != nil {
			old, err = found, found.takeOver(newCarrier(found, beneath(l.carrier().nc)), m, hello)
		} else if why != nil {
			err = why
		}
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		return nil, l.refuse(err)
	}
	return old, err
}

// welcome is the server's handshake of a new session.
func (l *Link) welcome(m *limit, said []byte, hello *frame.Hello) error {
	l.keys.owner = principalOf(l.carrier().nc)
	saw := seeTLS(l.carrier().nc)
	bound, unbound := saw.agree(hello)
	l.bind(bound)
	l.agreeSums(hello, saw)
	key, share, err := keys()
	if err != nil {
		return err
	}
	if l.cfg.Accept != nil {
		if err := l.cfg.Accept(l); err != nil {
			return l.refuse(err)
		}
	}
	w := frame.Welcome{
		Version:   frame.Version,
		Features:  l.peer.Features,
		Limits:    l.cfg.Limits,
		Heartbeat: uint32(max(l.peer.Heartbeat, MinHeartbeat).Milliseconds()),
		Expiry:    uint32(l.peer.Expiry.Milliseconds()),
		Session:   l.peer.Session,
		Share:     share,
		ServerID:  l.localID,
		ClientID:  l.peer.ID,
		Meta:      l.cfg.Meta,
	}
	rand.Read(w.Nonce[:]) // never fails
	if err := w.Validate(); err != nil {
		return l.refuse(&RefusedError{Code: frame.Internal, Text: "the server's own WELCOME is not valid"})
	}
	answer := frame.AppendWelcome(nil, &w)
	if l.keys.secret, err = secretOf(key, hello.Share, said, answer); err != nil {
		return l.refuse(&RefusedError{Code: frame.InvalidArgument, Text: "the key share is not valid"})
	}
	if err := l.commit(m); err != nil {
		return err
	}
	if _, err = l.carrier().nc.Write(message(frame.TypeWelcome, answer)); err == nil {
		l.logUnbound(unbound)
	}
	return err
}

// commit is called before WELCOME is written. From then on Close says goodbye.
func (l *Link) commit(m *limit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life.ended {
		return l.life.cause
	}
	if err := m.commit(); err != nil {
		return err
	}
	l.life.committed = true
	return nil
}

// readHello reads preface and HELLO, and nothing after them.
func (l *Link) readHello() ([]byte, *frame.Hello, error) {
	head, err := l.readPreface()
	if err != nil {
		return nil, nil, err
	}
	h, p, err := readMessage(l.carrier().nc, head)
	switch {
	case err != nil:
		return nil, nil, err
	case h.Type != frame.TypeHello:
		return nil, nil, fmt.Errorf("gantline: %v frame instead of HELLO", h.Type)
	}
	hello, err := frame.ParseHello(p)
	return p, &hello, err
}

// readPreface checks the preface byte by byte as it comes. So a peer that speaks
// something else is hung up on at once. readPreface returns what it has read of
// HELLO's header.
func (l *Link) readPreface() ([]byte, error) {
	var (
		buf  [frame.PrefaceLen + frame.HeaderLen]byte
		want = frame.AppendPreface(nil, frame.Version)[:frame.PrefaceLen-1]
	)
	n := copy(buf[:frame.PrefaceLen-1], l.cfg.Head)
	for n < frame.PrefaceLen {
		k, err := l.carrier().nc.Read(buf[n:])
		n += k
		if m := min(n, len(want)); !bytes.Equal(buf[:m], want[:m]) {
			return nil, ErrNotGantline
		}
		if err != nil && n < frame.PrefaceLen {
			return nil, err
		}
	}
	if v := buf[frame.PrefaceLen-1]; v != frame.Version {
		l.carrier().lastWord(frame.AppendPreface(nil, frame.Version))
		return nil, &VersionError{Local: frame.Version, Peer: v}
	}
	return buf[frame.PrefaceLen:n], nil
}

// checkHello takes what the client wants, within our bounds.
func (l *Link) checkHello(h *frame.Hello) error {
	switch {
	case h.MinVersion > frame.Version || h.MaxVersion < frame.Version:
		return &RefusedError{Code: frame.Unimplemented, Text: fmt.Sprintf(
			"the client speaks protocol versions %d to %d, the server %d", h.MinVersion, h.MaxVersion, frame.Version)}
	case h.Resume != nil:
		l.peer.ID = h.ID
		return nil
	}
	beat, err := l.cfg.agreeHeartbeat(h.Heartbeat)
	if err != nil {
		return &RefusedError{Code: frame.InvalidArgument, Text: bare(err)}
	}
	l.peer = Peer{
		ID:        h.ID,
		Meta:      h.Meta,
		Auth:      h.Auth,
		Codecs:    h.Codecs,
		Limits:    h.Limits,
		Version:   frame.Version,
		Heartbeat: beat,
		Expiry:    l.cfg.agreeExpiry(h.Expiry),
	}
	if l.peer.ID == "" {
		l.peer.ID, l.peer.Assigned = randomID(), true
	}
	rand.Read(l.peer.Session[:]) // never fails
	return nil
}

// refuse sends why as REFUSE and returns it. The carrier is closed by the caller.
func (l *Link) refuse(why error) error {
	var own *RefusedError
	x := frame.Refuse{Code: frame.PermissionDenied, Text: bare(why)}
	if errors.As(why, &own) && !errors.Is(why, ErrSessionLost) { // of another link, that is no answer to this client
		x = frame.Refuse{Code: own.Code, Text: own.Text, RetryAfter: millis(own.RetryAfter), Addr: own.Addr,
			Epoch: own.Epoch, HasPosition: own.HasPosition, Position: own.Position, Closed: own.Closed}
	} else {
		errors.As(why, &x.Code)
	}
	if x.Code == frame.OK && !x.Closed {
		x.Code = frame.PermissionDenied
	}
	l.carrier().lastWord(message(frame.TypeRefuse, frame.AppendRefuse(nil, &x)))
	return refusedHere(l.peer.ID, why)
}

func millis(d time.Duration) uint32 {
	return uint32(min(max(d.Milliseconds(), 0), 1<<32-1))
}
