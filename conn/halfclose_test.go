package conn

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/internal/oddity"
)

// halfCloser is a connection that can end one direction.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// A lastWord is a situation in which a side tells its peer why the session ends, or why there is none.
type lastWord struct {
	name   string
	client bool                        // we are the client, and the peer is the server
	says   func(peer *peer)            // the peer's part, all at once; then it half-closes
	cfg    Config                      // ours
	taps   func(*tap)                  // changes our handler
	ours   func(t *testing.T, l *Link) // after the handshake, instead of Start
	want   string                      // what the peer reads until the end of the connection
}

// hello is a HELLO with its preface.
func hello(f func(*frame.Hello)) []byte {
	h := validHello()
	if f != nil {
		f(&h)
	}
	return append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, &h))...)
}

// badFrame is one that no side may send.
var badFrame = message(frame.TypeHello, frame.AppendHello(nil, &frame.Hello{MinVersion: 1, MaxVersion: 1, Limits: DefaultLimits()}))

func byeFrame(code frame.Code, text string) []byte {
	return message(frame.TypeBye, frame.AppendBye(nil, &frame.Bye{Code: code, Text: text}))
}

func welcomeFrame() []byte {
	w := validWelcome()
	return message(frame.TypeWelcome, frame.AppendWelcome(nil, &w))
}

// lastWords are the ways in which a session ends, or does not begin, with a reason.
func lastWords() []lastWord {
	sends := func(parts ...[]byte) func(*peer) { return func(p *peer) { p.send(bytes.Join(parts, nil)) } }
	refused := Config{Accept: func(*Link) error { return &RefusedError{Code: frame.ResourceExhausted, Text: "full"} }}
	var pings [][]byte
	for range oddity.MaxOdd + 1 {
		pings = append(pings, appendPing(nil, frame.TypePong, &frame.Ping{}))
	}
	strict := func(t *tap) {
		t.onFrame = func(frame.Header, *frame.Reader) error { return protocolf(frame.OutOfRange, "the handler's rule") }
	}
	early := func(t *testing.T, l *Link) { _ = l.Close(t.Context(), frame.Aborted, "kicked") }
	const many = 20 << 10
	return []lastWord{
		{name: "another version", says: func(p *peer) { p.send(append(frame.AppendPreface(nil, 99), make([]byte, 100)...)) }, want: "preface"},
		{name: "another version, long", says: func(p *peer) { p.send(append(frame.AppendPreface(nil, 99), make([]byte, 200<<10)...)) }, want: "preface"},
		{name: "refused", says: sends(hello(nil)), cfg: refused, want: "REFUSE resource exhausted: full"},
		{name: "refused, and more came", says: sends(hello(nil), make([]byte, many)), cfg: refused, want: "REFUSE resource exhausted: full"},
		{name: "versions", says: sends(hello(func(h *frame.Hello) { h.MinVersion, h.MaxVersion = 98, 99 })), want: "REFUSE unimplemented: *"},
		{name: "heartbeat", says: sends(hello(func(h *frame.Hello) { h.Heartbeat = 1 })), want: "REFUSE invalid argument: *"},
		{name: "key", says: sends(hello(func(h *frame.Hello) { h.Share = [32]byte{} })), want: "REFUSE invalid argument: *"},
		{name: "session not known", says: sends(hello(func(h *frame.Hello) { h.Resume = &frame.ResumeHello{Session: [16]byte{1}, Epoch: 1} })), want: "REFUSE not found: *"},
		{name: "session not known, and more came", says: sends(hello(func(h *frame.Hello) { h.Resume = &frame.ResumeHello{Session: [16]byte{1}, Epoch: 1} }), badFrame), want: "REFUSE not found: *"},

		{name: "a frame that may not come", says: sends(hello(nil), badFrame), want: "WELCOME BYE internal error: *"},
		{name: "a frame that may not come, and more", says: sends(hello(nil), badFrame, make([]byte, many)), want: "WELCOME BYE internal error: *"},
		{name: "no frame", says: sends(hello(nil), bytes.Repeat([]byte{0xff}, 40)), want: "WELCOME BYE *"},
		{name: "a frame over the limit", says: sends(hello(nil), frame.AppendHeader(nil, frame.Header{Type: frame.TypeData, Length: 1<<24 - 1, ID: 1})), want: "WELCOME BYE *"},
		{name: "the handler's rule", says: sends(hello(nil), data(1, []byte("x"))), taps: strict, want: "WELCOME BYE out of range: the handler's rule"},
		{name: "the handler's rule, and half a frame", says: sends(hello(nil), data(1, []byte("x")), data(1, []byte("long"))[:frame.HeaderLen+2]), taps: strict, want: "WELCOME BYE out of range: the handler's rule"},
		{name: "too many empty frames", says: sends(hello(nil), bytes.Join(pings, nil)), want: "WELCOME BYE resource exhausted: *"},
		{name: "an ack of nothing", says: sends(hello(nil), message(frame.TypeAck, frame.AppendAck(nil, frame.Ack{Position: 1 << 20}))), want: "WELCOME BYE internal error: *"},
		{name: "goodbye", says: sends(hello(nil), byeFrame(frame.OK, "")), want: "WELCOME BYE ok: "},
		{name: "closed before Start", says: sends(hello(nil)), ours: early, want: "WELCOME BYE aborted: kicked"},
		{name: "closed before Start, and more came", says: sends(hello(nil), badFrame, make([]byte, many)), ours: early, want: "WELCOME BYE aborted: kicked"},

		{name: "client: a frame that may not come", client: true, says: sends(welcomeFrame(), badFrame), want: "BYE internal error: *"},
		{name: "client: the handler's rule", client: true, says: sends(welcomeFrame(), data(2, []byte("x"))), taps: strict, want: "BYE out of range: the handler's rule"},
		{name: "client: goodbye", client: true, says: sends(welcomeFrame(), byeFrame(frame.Aborted, "go")), want: "BYE ok: "},
		{name: "client: closed before Start", client: true, says: sends(welcomeFrame()), ours: early, want: "BYE aborted: kicked"},
	}
}

// TestLastWords: a peer that says something, and half-closes at once, still reads why it has no session, or none any more.
func TestLastWords(t *testing.T) {
	for network, dial := range carriersFor(t) {
		for _, w := range lastWords() {
			t.Run(network+"/"+w.name, func(t *testing.T) {
				runs := 200
				if testing.Short() || raceEnabled || network != "tcp" {
					runs = 20
				}
				for range runs {
					ours, theirs := dial(t)
					if got := w.play(t, ours, theirs); !matches(got, w.want) {
						t.Fatalf("the peer read %q, want %q", got, w.want)
					}
				}
			})
		}
	}
}

func matches(got, want string) bool {
	if head, ok := strings.CutSuffix(want, "*"); ok {
		return strings.HasPrefix(got, head)
	}
	return got == want
}

// play lets both sides play their part and returns what the peer has read.
func (w *lastWord) play(t *testing.T, ours, theirs net.Conn) string {
	cfg := silent(&w.cfg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		shake := Server
		if w.client {
			shake = Client
		}
		l, err := shake(context.Background(), ours, cfg)
		if err != nil {
			return
		}
		tap := newTap()
		if w.taps != nil {
			w.taps(tap)
		}
		if w.ours != nil {
			w.ours(t, l)
		}
		l.Start(tap)
		<-l.Done()
	}()
	p := &peer{TB: t, nc: theirs}
	if w.client {
		p.readPreface()
		if _, _, err := readMessage(theirs, nil); err != nil {
			t.Error(err)
		}
	}
	w.says(p)
	theirs.(halfCloser).CloseWrite()
	got := readAll(theirs)
	theirs.Close()
	<-done
	return got
}

// readAll reads frames until the end of the connection and returns the ones that say something about the session.
func readAll(nc net.Conn) string {
	nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(nc)
	var said []string
	if len(b) == frame.PrefaceLen {
		said, b = append(said, "preface"), nil
	}
	for len(b) >= frame.HeaderLen {
		h, herr := frame.ParseHeader(b)
		n := frame.HeaderLen + int(h.Length)
		if herr != nil || n > len(b) {
			break
		}
		switch p := b[frame.HeaderLen:n]; h.Type {
		case frame.TypeRefuse:
			x, _ := frame.ParseRefuse(p)
			said = append(said, fmt.Sprintf("REFUSE %v: %s", x.Code, x.Text))
		case frame.TypeWelcome:
			said = append(said, "WELCOME")
		case frame.TypeBye:
			x, _ := frame.ParseBye(p)
			said = append(said, fmt.Sprintf("BYE %v: %s", x.Code, x.Text))
		case frame.TypeData:
			said = append(said, "DATA")
		}
		b = b[n:]
	}
	if err != nil {
		said = append(said, err.Error())
	}
	return strings.ReplaceAll(strings.Join(said, " "), "gantline: ", "")
}

// carriersFor returns ways to connect two sides: ours, theirs.
func carriersFor(t *testing.T) map[string]func(*testing.T) (net.Conn, net.Conn) {
	tcp := func(t *testing.T) (net.Conn, net.Conn) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		theirs, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ours, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return ours, theirs
	}
	ca := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.sign("server", newKey(t))}, MinVersion: tls.VersionTLS13}
	client := &tls.Config{ServerName: "server", RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}
	client.RootCAs.AddCert(ca.cert)
	return map[string]func(*testing.T) (net.Conn, net.Conn){
		"tcp": tcp,
		"tls": func(t *testing.T) (net.Conn, net.Conn) {
			ours, theirs := tcp(t)
			a, b := tls.Server(ours, server), tls.Client(theirs, client)
			done := make(chan error, 1)
			go func() { done <- a.HandshakeContext(t.Context()) }()
			if err := errors.Join(b.HandshakeContext(t.Context()), <-done); err != nil {
				t.Fatal(err)
			}
			return a, b
		},
		"memory": func(*testing.T) (net.Conn, net.Conn) {
			a, b := memnet.Pipe(memnet.WithReset())
			return a, b
		},
	}
}
