package conn

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// Client shakes hands on nc as the side that dialled. The link is up when Client
// returns, and waits for Start. On an error nc is closed. A *RefusedError is the
// server's answer. A nil cfg means all defaults.
func Client(ctx context.Context, nc net.Conn, cfg *Config) (*Link, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		nc.Close()
		return nil, errs.Coded(err)
	}
	l := newLink(nc, c, true)
	if err := l.handshake(ctx, l.greet); err != nil {
		return nil, err
	}
	return l, nil
}

// greet is the client's handshake.
func (l *Link) greet(*limit) error {
	if t, ok := l.carrier().nc.(interface{ HandshakeContext(context.Context) error }); ok {
		if err := t.HandshakeContext(context.Background()); err != nil { // the caller limits it
			return err
		}
	}
	key, share, err := keys()
	if err != nil {
		return err
	}
	hello := frame.Hello{
		MinVersion: frame.Version,
		MaxVersion: frame.Version,
		Limits:     l.cfg.Limits,
		Heartbeat:  l.cfg.heartbeatMillis(),
		Expiry:     l.cfg.expiryMillis(),
		Share:      share,
		Codecs:     l.cfg.Codecs,
		ID:         l.cfg.ID,
		Meta:       l.cfg.Meta,
		Auth:       l.cfg.Auth,
	}
	saw := seeTLS(l.carrier().nc)
	saw.offer(&hello)
	l.offerSums(&hello, saw)
	rand.Read(hello.Nonce[:]) // never fails
	if err := hello.Validate(); err != nil {
		return err
	}
	said := frame.AppendHello(nil, &hello)
	first := append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, said)...)
	if _, err := l.carrier().nc.Write(first); err != nil {
		return err
	}
	heard, w, err := readWelcome(l.carrier().nc)
	if err != nil {
		return err
	}
	if err := l.checkWelcome(w, hello.Features); err != nil {
		return err
	}
	if err := checkSums(hello.Features, w.Features); err != nil {
		return err
	}
	if l.keys.secret, err = secretOf(key, w.Share, said, heard); err != nil {
		return err
	}
	l.bind(w.Features&frame.FeatureBound != 0)
	l.logUnbound(saw.declined())
	return nil
}

// readWelcome reads the server's answer. A server of another version answers
// with its preface, which begins unlike any frame of the handshake.
func readWelcome(nc net.Conn) ([]byte, *frame.Welcome, error) {
	var head [frame.PrefaceLen]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil {
		return nil, nil, err
	}
	if v, err := frame.ParsePreface(head[:]); err == nil {
		return nil, nil, &VersionError{Local: frame.Version, Peer: v}
	}
	h, p, err := readMessage(nc, head[:])
	if err != nil {
		return nil, nil, err
	}
	switch h.Type {
	case frame.TypeWelcome:
		w, err := frame.ParseWelcome(p)
		return p, &w, err
	case frame.TypeRefuse:
		r, err := frame.ParseRefuse(p)
		if err != nil {
			return nil, nil, err
		}
		return nil, nil, &RefusedError{
			Code:        r.Code,
			Text:        r.Text,
			RetryAfter:  time.Duration(r.RetryAfter) * time.Millisecond,
			Addr:        r.Addr,
			Epoch:       r.Epoch,
			Position:    r.Position,
			HasPosition: r.HasPosition,
			Closed:      r.Closed,
		}
	}
	return nil, nil, fmt.Errorf("gantline: %v frame instead of WELCOME", h.Type)
}

// checkWelcome takes the server's choices, each of which must be one that HELLO
// left to it.
func (l *Link) checkWelcome(w *frame.Welcome, offered uint32) error {
	switch {
	case w.Version != frame.Version:
		return &VersionError{Local: frame.Version, Peer: w.Version}
	case w.Features&^offered != 0:
		return fmt.Errorf("gantline: WELCOME frame: features %#x were not offered", w.Features&^offered)
	case w.Resumed != nil:
		return fmt.Errorf("gantline: WELCOME frame: resumes a session, but none was offered")
	case w.ClientID == "":
		return fmt.Errorf("gantline: WELCOME frame: no client id")
	}
	beat, err := l.cfg.agreeHeartbeat(w.Heartbeat)
	if err != nil {
		return err
	}
	l.localID = w.ClientID
	l.peer = Peer{
		ID:        w.ServerID,
		Meta:      w.Meta,
		Limits:    w.Limits,
		Version:   w.Version,
		Features:  w.Features,
		Heartbeat: beat,
		Expiry:    l.cfg.agreeExpiry(w.Expiry),
		Session:   w.Session,
	}
	return nil
}
