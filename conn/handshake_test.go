package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

func TestHandshake(t *testing.T) {
	a, b := memnet.Pipe()
	limits := frame.Limits{MaxPayload: 20 << 10, Log: 1 << 20}
	var accepted *Link
	c, s := shake(t, a, b,
		&Config{ID: "me", Meta: []byte("m1"), Auth: []byte("secret"), Codecs: []byte{0, 1}, Limits: limits, Heartbeat: 7 * time.Second, Expiry: 30 * time.Second},
		&Config{ID: "you", Meta: []byte("m2"), Heartbeat: 9 * time.Second, Expiry: time.Minute, Accept: func(l *Link) error {
			accepted = l
			if l.Peer().ID != "me" || string(l.Peer().Auth) != "secret" || l.State() != StateHandshaking {
				return fmt.Errorf("peer %+v", l.Peer())
			}
			return nil
		}})
	defer finish(t, c, s)
	if accepted != s {
		t.Error("Accept got another link")
	}
	if !c.Client() || s.Client() || c.State() != StateUp || s.State() != StateUp {
		t.Error("sides or states are wrong")
	}
	if c.LocalID() != "me" || c.Peer().ID != "you" || s.LocalID() != "you" || s.Peer().ID != "me" {
		t.Errorf("ids %q %q %q %q", c.LocalID(), c.Peer().ID, s.LocalID(), s.Peer().ID)
	}
	if string(c.Peer().Meta) != "m2" || string(s.Peer().Meta) != "m1" || !bytes.Equal(s.Peer().Codecs, []byte{0, 1}) {
		t.Error("meta or codecs are wrong")
	}
	want := DefaultLimits()
	if c.Peer().Limits != want {
		t.Errorf("limits of the server: %+v", c.Peer().Limits)
	}
	want.MaxPayload, want.Log = limits.MaxPayload, limits.Log
	if s.Peer().Limits != want {
		t.Errorf("limits of the client: %+v", s.Peer().Limits)
	}
	for _, l := range []*Link{c, s} {
		if p := l.Peer(); p.Heartbeat != 7*time.Second || p.Expiry != 30*time.Second || p.Version != frame.Version {
			t.Errorf("agreed %+v", p)
		}
	}
	if c.keys.secret != s.keys.secret || c.keys.secret == [32]byte{} || c.Peer().Session != s.Peer().Session || c.Peer().Session == [16]byte{} {
		t.Error("the session or its secret differ")
	}
	if c.LocalAddr() == nil || c.RemoteAddr() == nil || c.NetConn() != net.Conn(a) {
		t.Error("addresses")
	}
}

func TestHandshakeAssignsIDs(t *testing.T) {
	a, b := memnet.Pipe()
	c, s := shake(t, a, b, nil, nil)
	defer finish(t, c, s)
	if len(c.LocalID()) != 16 || c.LocalID() != s.Peer().ID || c.Peer().ID != s.LocalID() || s.LocalID() == "" {
		t.Errorf("ids %q %q, %q %q", c.LocalID(), s.Peer().ID, c.Peer().ID, s.LocalID())
	}
}

// TestSecretsDiffer makes two sessions between the same sides.
func TestSecretsDiffer(t *testing.T) {
	var secrets [2][32]byte
	for i := range secrets {
		a, b := memnet.Pipe()
		c, s := shake(t, a, b, nil, nil)
		secrets[i] = c.keys.secret
		finish(t, c, s)
	}
	if secrets[0] == secrets[1] {
		t.Error("two sessions share a secret")
	}
}

func TestBadConfig(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"heartbeat", Config{Heartbeat: -1}, "Heartbeat"},
		{"handshake timeout", Config{HandshakeTimeout: -1}, "HandshakeTimeout"},
		{"flush timeout", Config{FlushTimeout: -1}, "FlushTimeout"},
		{"ack timeout", Config{AckTimeout: -1}, "AckTimeout"},
		{"close timeout", Config{CloseTimeout: -1}, "CloseTimeout"},
		{"limits", Config{Limits: frame.Limits{MaxPayload: 1}}, "max payload"},
		{"id", Config{ID: "a\nb"}, "id"},
		{"meta", Config{Meta: make([]byte, 9000)}, "payload"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := memnet.Pipe()
			defer b.Close()
			_, err := Client(t.Context(), a, &tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "gantline: ") != 1 {
				t.Errorf("error %q, want one about %q", err, tt.want)
			}
			if _, err := a.Write(nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the carrier is not closed: %v", err)
			}
		})
	}
}

// TestServerRefuses sends HELLOs that a server must not take, and wants a
// REFUSE that names the reason.
func TestServerRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hello  func(*frame.Hello)
		accept error
		code   frame.Code
		text   string
	}{
		{"version", func(h *frame.Hello) { h.MinVersion, h.MaxVersion = 2, 9 }, nil, frame.Unimplemented, "versions 2 to 9"},
		{"resume", func(h *frame.Hello) { h.Resume = &frame.ResumeHello{} }, nil, frame.NotFound, "session"},
		{"heartbeat 1 ms", func(h *frame.Hello) { h.Heartbeat = 1 }, nil, frame.InvalidArgument, "heartbeat"},
		{"heartbeat 999 ms", func(h *frame.Hello) { h.Heartbeat = 999 }, nil, frame.InvalidArgument, "heartbeat"},
		{"heartbeat 300001 ms", func(h *frame.Hello) { h.Heartbeat = 300_001 }, nil, frame.InvalidArgument, "heartbeat"},
		{"heartbeat max", func(h *frame.Hello) { h.Heartbeat = 1<<32 - 1 }, nil, frame.InvalidArgument, "heartbeat"},
		{"zero share", func(h *frame.Hello) { h.Share = [32]byte{} }, nil, frame.InvalidArgument, "share"},
		{"share of low order", func(h *frame.Hello) { h.Share = [32]byte{1} }, nil, frame.InvalidArgument, "share"},
		{"accept", nil, errors.New("gantline: go away"), frame.PermissionDenied, "go away"},
		{"accept, code", nil, fmt.Errorf("full: %w", frame.ResourceExhausted), frame.ResourceExhausted, "full"},
		{"accept, refused", nil, &RefusedError{Code: frame.Unavailable, Text: "later", RetryAfter: time.Second, Addr: "b:1"}, frame.Unavailable, "later"},
		{"accept, lost elsewhere", nil, newLost("refused", &RefusedError{Code: frame.NotFound, Text: "the session is not known here"}), frame.Unavailable, "session lost"},
		{"accept, ok", nil, frame.OK, frame.PermissionDenied, "ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := memnet.Pipe(memnet.WithReset())
			h := validHello()
			if tt.hello != nil {
				tt.hello(&h)
			}
			first := append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, &h))...)
			if _, err := a.Write(first); err != nil {
				t.Fatal(err)
			}
			_, serr := Server(t.Context(), b, &Config{Accept: func(*Link) error { return tt.accept }})
			if serr == nil || strings.Count(serr.Error(), "gantline: ") != 1 {
				t.Errorf("error of the server: %v", serr)
			}
			if tt.accept != nil && tt.accept != frame.OK && !errors.Is(serr, tt.accept) {
				t.Errorf("error of the server %v, want %v", serr, tt.accept)
			}
			if !errors.Is(serr, tt.code) || errors.Is(serr, frame.OK) || strings.Contains(serr.Error(), "refused: refused") {
				t.Errorf("error of the server %v, want one with code %v", serr, tt.code)
			}
			_, _, err := readWelcome(a)
			var r *RefusedError
			if !errors.As(err, &r) {
				t.Fatalf("got %v, want REFUSE", err)
			}
			if r.Code != tt.code || !strings.Contains(r.Text, tt.text) || strings.Contains(r.Text, "gantline:") {
				t.Errorf("refused with %v %q, want %v %q", r.Code, r.Text, tt.code, tt.text)
			}
			if !errors.Is(err, tt.code) {
				t.Errorf("errors.Is finds no code")
			}
			if want, ok := tt.accept.(*RefusedError); ok && *r != *want {
				t.Errorf("refused with %+v, want %+v", r, want)
			}
		})
	}
}

// TestHeartbeatBounds takes the least and the greatest, and leaves the choice
// to the server when the client does not care.
func TestHeartbeatBounds(t *testing.T) {
	for ms, want := range map[uint32]time.Duration{0: 15 * time.Second, 1000: time.Second, 300_000: 15 * time.Second} {
		a, b := memnet.Pipe()
		h := validHello()
		h.Heartbeat = ms
		a.Write(append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, &h))...))
		l, err := Server(t.Context(), b, nil)
		if err != nil {
			t.Fatal(ms, err)
		}
		if got := l.Peer().Heartbeat; got != want {
			t.Errorf("%d ms: agreed on %v, want %v", ms, got, want)
		}
		l.Abort(nil)
		a.Close()
	}
}

// TestClientRefuses answers HELLO with what a client must not take.
func TestClientRefuses(t *testing.T) {
	welcome := func(f func(*frame.Welcome)) []byte {
		w := validWelcome()
		f(&w)
		return message(frame.TypeWelcome, frame.AppendWelcome(nil, &w))
	}
	for _, tt := range []struct {
		name   string
		answer []byte
		want   string
	}{
		{"preface of another version", frame.AppendPreface(nil, 7), "version 7"},
		{"version", welcome(func(w *frame.Welcome) { w.Version = 2 }), "version 2"},
		{"features", welcome(func(w *frame.Welcome) { w.Features = 1 }), "features"},
		{"resumed", welcome(func(w *frame.Welcome) { w.Resumed = new(frame.ResumeWelcome) }), "resumes"},
		{"no id", welcome(func(w *frame.Welcome) { w.ClientID = "" }), "client id"},
		{"heartbeat", welcome(func(w *frame.Welcome) { w.Heartbeat = 999 }), "heartbeat"},
		{"share", welcome(func(w *frame.Welcome) { w.Share = [32]byte{} }), "low order"},
		{"limits", welcome(func(w *frame.Welcome) { w.Limits.MaxPayload = 1 }), "max payload"},
		{"refuse", message(frame.TypeRefuse, frame.AppendRefuse(nil, &frame.Refuse{Code: frame.Unavailable, Text: "later"})), "later"},
		{"ping", message(frame.TypePing, frame.AppendPing(nil, &frame.Ping{})), "PING"},
		{"challenge", message(frame.TypeChallenge, nil), "CHALLENGE"},
		{"sequenced", data(2, []byte("early")), "DATA"},
		{"too long", frame.AppendHeader(nil, frame.Header{Type: frame.TypeWelcome, Length: frame.MaxHandshake + 1}), "too long"},
		{"end", nil, "hung up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := memnet.Pipe()
			b.Write(tt.answer)
			b.CloseWrite()
			defer b.Close()
			_, err := Client(t.Context(), a, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "gantline: ") != 1 {
				t.Errorf("error %q, want one about %q", err, tt.want)
			}
			if errors.Is(err, io.EOF) {
				t.Error("io.EOF is not an error of a handshake")
			}
		})
	}
}
