package conn

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// path is a way from the client to the server: one hop, or two with a proxy in between. Of each hop it has the version of
// TLS, 0 = none.
type path struct {
	name string
	hops []uint16
	// what the log says about a session that began here, at the client and at the server
	client, server string
}

// bound reports whether both sides see the same TLS 1.3.
func (p *path) bound() bool { return len(p.hops) == 1 && p.hops[0] == tls.VersionTLS13 }

// sees is the version of TLS that the client sees.
func (p *path) sees() uint16 { return p.hops[0] }

var paths = []*path{
	{"memory", []uint16{0}, "", ""},
	{"TLS", []uint16{tls.VersionTLS13}, "", ""},
	{"TLS 1.2", []uint16{tls.VersionTLS12}, "TLS 1.2 cannot be bound", "TLS 1.2 cannot be bound"},
	{"TLS ends and begins again", []uint16{tls.VersionTLS13, tls.VersionTLS13}, "does not see the same", "decrypted on the way"},
	{"TLS ends", []uint16{tls.VersionTLS13, 0}, "does not see the same", "ends before the server"},
	{"TLS begins", []uint16{0, tls.VersionTLS13}, "", "the client sees no TLS 1.3"},
	{"TLS 1.2, then 1.3", []uint16{tls.VersionTLS12, tls.VersionTLS13}, "TLS 1.2 cannot be bound", "the client sees no TLS 1.3"},
	{"TLS 1.3, then 1.2", []uint16{tls.VersionTLS13, tls.VersionTLS12}, "does not see the same", "TLS 1.2 cannot be bound"},
	{"TLS 1.2 ends", []uint16{tls.VersionTLS12, 0}, "TLS 1.2 cannot be bound", ""},
}

// way returns the path of that name.
func way(name string) *path {
	for _, p := range paths {
		if p.name == name {
			return p
		}
	}
	panic("no path " + name)
}

// meddler is somebody on the way who changes the payloads of HELLO and WELCOME. far is what he has towards the server.
type meddler struct {
	hello, welcome func(p []byte, far net.Conn) []byte
}

// shown is a carrier that shows the TLS which lies beyond a meddler.
type shown struct {
	net.Conn
	tc *tls.Conn
}

func (c shown) ConnectionState() tls.ConnectionState { return c.tc.ConnectionState() }

// bonds is a session whose carriers go over paths.
type bonds struct {
	rejoin
	cert  tls.Certificate
	lines map[string]*journal // of each side
	heard chan error          // what each handshake of the server came to
}

// journal keeps what a logger writes.
type journal struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// unbound returns the lines that say that the session is not bound.
func (j *journal) unbound() (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for l := range strings.Lines(j.b.String()) {
		if strings.Contains(l, "not bound") {
			lines = append(lines, l)
		}
	}
	return lines
}

func newBonds(t *testing.T, cert tls.Certificate) *bonds {
	x := &bonds{cert: cert, lines: map[string]*journal{"client": {}, "server": {}}, heard: make(chan error, 1)}
	x.t, x.ct, x.st = t, newTap(), newTap()
	return x
}

func (x *bonds) config(side string) *Config {
	cfg := &Config{OnBroken: func(*Link, error) {}, Logger: slog.New(slog.NewTextHandler(x.lines[side], &slog.HandlerOptions{Level: slog.LevelDebug}))}
	cfg.Find = func(id [16]byte) (*Link, error) {
		if x.s != nil && id == x.s.Peer().Session {
			return x.s, nil
		}
		return nil, nil
	}
	return cfg
}

// hop is one connection.
func (x *bonds) hop(version uint16) (near, far net.Conn) {
	a, b := memnet.Pipe()
	if version == 0 {
		return a, b
	}
	fast := []tls.CurveID{tls.X25519}
	return tls.Client(a, &tls.Config{InsecureSkipVerify: true, MaxVersion: version, CurvePreferences: fast}),
		tls.Server(b, &tls.Config{Certificates: []tls.Certificate{x.cert}, MaxVersion: version, CurvePreferences: fast})
}

// dial returns the client's end of a carrier that the server accepts.
func (x *bonds) dial(p *path, m *meddler) net.Conn {
	near, far := x.hop(p.hops[0])
	if len(p.hops) == 2 {
		a, b := x.hop(p.hops[1])
		relay(far, a, m)
		far = b
	}
	go func() {
		l, resumed, err := Accept(context.Background(), far, x.config("server"))
		if err == nil && !resumed {
			x.s = l
		}
		x.heard <- err
	}()
	if m == nil || len(p.hops) == 2 {
		return near
	}
	a, b := memnet.Pipe()
	tc, ok := near.(*tls.Conn)
	if !ok {
		relay(b, near, m)
		return a
	}
	if err := tc.HandshakeContext(context.Background()); err != nil {
		x.t.Fatal(err)
	}
	relay(b, near, m)
	return shown{a, tc}
}

// relay joins two connections. It ends with either of them.
func relay(near, far net.Conn, m *meddler) {
	if m == nil {
		m = new(meddler)
	}
	pass := func(to, from net.Conn, before int, edit func([]byte, net.Conn) []byte) {
		defer near.Close()
		defer far.Close()
		if edit != nil {
			preface := make([]byte, before)
			_, _ = io.ReadFull(from, preface)
			h, p, err := readMessage(from, nil)
			if err != nil {
				return
			}
			if h.Type != frame.TypeRefuse {
				p = edit(p, far)
			}
			_, _ = to.Write(append(preface, message(h.Type, p)...))
		}
		_, _ = io.Copy(to, from)
	}
	go pass(far, near, frame.PrefaceLen, m.hello)
	go pass(near, far, 0, m.welcome)
}

// connect is the first handshake, over p.
func (x *bonds) connect(p *path, m *meddler) error {
	x.t.Helper()
	c, err := Client(x.t.Context(), x.dial(p, m), x.config("client"))
	if err = errors.Join(err, <-x.heard); err != nil {
		return err
	}
	x.c = c
	x.c.Start(x.ct)
	x.s.Start(x.st)
	return nil
}

// cut breaks the carrier, and returns when both sides know.
func (x *bonds) cut() {
	x.c.carrier().cut()
	x.s.carrier().cut()
	synctest.Wait()
}

// resume is a later handshake, over p. The server may not have been spoken to.
func (x *bonds) resume(p *path, m *meddler) error {
	x.t.Helper()
	err := x.c.Resume(x.t.Context(), x.dial(p, m))
	<-x.heard
	return err
}

func (x *bonds) end() {
	abort(x.c, x.s)
	synctest.Wait()
}

// refusedAs reports whether err is a refusal for want of a proof, which says nothing about the session.
func refusedAs(err error) bool {
	var r *RefusedError
	return errors.As(err, &r) && r.Code == frame.Unauthenticated && !r.HasPosition && r.Epoch == 0
}
