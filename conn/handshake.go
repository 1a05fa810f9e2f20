package conn

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net"

	"github.com/gantline-project/gantline/frame"
)

// handshake runs f, which shakes hands, under the handshake timeout and ctx, and
// brings l up.
func (l *Link) handshake(ctx context.Context, f func(*limit) error) error {
	l.event(evCarrier)
	if err := l.limited(ctx, l.carrier(), f); err != nil {
		return l.abandon(&handshakeError{addr: l.RemoteAddr(), err: err})
	}
	if nc := beneath(l.carrier().nc); nc != l.carrier().nc {
		l.carriers.newest.Store(newCarrier(l, nc))
	}
	l.peerReady(l.carrier())
	l.mu.Lock()
	l.life.committed, l.life.ready = true, true
	l.eventLocked(evUp)
	if l.life.closing {
		l.departLocked()
	}
	l.mu.Unlock()
	l.deliver()
	return nil
}

// beneath returns what is to carry the link once the handshake needs no more from the
// peer. A net.Conn with a method Handshaken has only looked on until then, and returns
// the one beneath it.
func beneath(nc net.Conn) net.Conn {
	if w, ok := nc.(interface{ Handshaken() net.Conn }); ok {
		return w.Handshaken()
	}
	return nc
}

// abandon ends a link whose handshake failed.
func (l *Link) abandon(err error) error {
	l.mu.Lock()
	if !l.life.ended {
		l.endUnstartedLocked(err)
	}
	l.mu.Unlock()
	l.carrier().cut()
	l.deliver()
	return err
}

// peerReady sets up what depends on the peer's numbers.
func (l *Link) peerReady(c *carrier) {
	l.recv.ackAlone = uint64(min(ackByItself, max(1, l.peer.Limits.Log/4)))
	var src io.Reader = c
	if l.peer.Features&frame.FeatureSums != 0 {
		c.sums = &sumWriter{sum: l.sumSeed(l.client)}
		src = &sumReader{c: c, sum: l.sumSeed(!l.client)}
	}
	c.fr = frame.NewReader(src, l.cfg.Limits.MaxPayload)
}

// randomID is an id for a side that claimed none.
func randomID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// readMessage reads one frame of the handshake from nc, and not a byte more. The
// first bytes of the frame are in head. Its payload is allocated after its length
// was checked.
func readMessage(nc net.Conn, head []byte) (frame.Header, []byte, error) {
	var buf [frame.HeaderLen]byte
	if _, err := io.ReadFull(nc, buf[copy(buf[:], head):]); err != nil {
		return frame.Header{}, nil, err
	}
	h, err := frame.ParseHeader(buf[:])
	if err == nil {
		err = h.Validate(frame.MaxHandshake)
	}
	if err != nil {
		return h, nil, err
	}
	p := make([]byte, h.Length)
	_, err = io.ReadFull(nc, p)
	return h, p, err
}

// message is a whole frame of the handshake.
func message(t frame.Type, payload []byte) []byte {
	b := make([]byte, 0, frame.HeaderLen+len(payload))
	b = frame.AppendHeader(b, frame.Header{Type: t, Length: uint32(len(payload))})
	return append(b, payload...)
}
