package scenario

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/server"
)

// tapped is a client's connection that keeps what the client says first: a thief reads along. Over TLS it is the
// plain text, which a thief could have only after breaking into the client.
type tapped struct {
	net.Conn
	mu   *sync.Mutex
	said *[]byte
}

func (c tapped) Write(p []byte) (int, error) {
	c.mu.Lock()
	if len(*c.said) < 4096 {
		*c.said = append(*c.said, p...)
	}
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// tappedTLS lets the session bind itself to the TLS connection.
type tappedTLS struct {
	tapped
	tc *tls.Conn
}

func (c tappedTLS) ConnectionState() tls.ConnectionState       { return c.tc.ConnectionState() }
func (c tappedTLS) HandshakeContext(ctx context.Context) error { return c.tc.HandshakeContext(ctx) }

// scene is a server and a live session, of which a thief has the last resume.
type scene struct {
	t      *testing.T
	addr   string
	tls    *tls.Config // of a client; nil = plain
	victim *gantline.End
	broken atomic.Int32 // of the victim, from here on

	mu   sync.Mutex // guards what follows
	said []byte     // on the victim's newest connection
	nc   net.Conn

	certs sync.Map // of each principal: tls.Certificate
}

// newScene connects the victim and cuts its connection once, so that it resumes.
func newScene(t *testing.T, secure bool) *scene {
	s := &scene{t: t}
	opts := []server.Option{server.WithConfig(gantline.Config{Logger: quiet})}
	if secure {
		ts := httptest.NewTLSServer(nil)
		defer ts.Close()
		cert := ts.TLS.Certificates[0]
		pool := x509.NewCertPool()
		pool.AddCert(ts.Certificate())
		// Every client has a certificate of its own: the thief is another principal.
		opts = append(opts, server.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}))
		s.tls = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", NextProtos: []string{client.ALPN}, MinVersion: tls.VersionTLS13}
	}
	ln, err := server.Listen("tcp", "127.0.0.1:0", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() { // ends with the listener
		for {
			e, err := ln.AcceptEnd(context.Background())
			if err != nil {
				return
			}
			go echoAll(context.Background(), e) // ends with the End
		}
	}()
	s.addr = ln.Addr().String()
	s.victim = s.client("victim")
	s.hangUp()
	until(t, 10*time.Second, "resumed", func() bool { return s.victim.Stats().Link.Resumes == 1 })
	return s
}

// dial is the victim's.
func (s *scene) dial(ctx context.Context) (net.Conn, error) {
	nc, err := s.raw(ctx, "victim")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nc, s.said = nc, nil
	tap := tapped{nc, &s.mu, &s.said}
	if tc, ok := nc.(*tls.Conn); ok {
		return tappedTLS{tap, tc}, nil
	}
	return tap, nil
}

// hangUp ends the newest connection.
func (s *scene) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nc.Close()
}

// raw is anybody's.
func (s *scene) raw(ctx context.Context, principal string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr)
	if err != nil || s.tls == nil {
		return nc, err
	}
	cfg := s.tls.Clone()
	cert, ok := s.certs.Load(principal)
	if !ok {
		cert, _ = s.certs.LoadOrStore(principal, certificate(s.t, principal))
	}
	cfg.Certificates = []tls.Certificate{cert.(tls.Certificate)}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// certificate makes one for a client.
func certificate(t *testing.T, name string) tls.Certificate {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, &tmpl, &tmpl, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (s *scene) client(id string) *gantline.End {
	s.t.Helper()
	nc, err := s.dial(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := gantline.Client(s.t.Context(), nc, &gantline.Config{ID: id, Logger: quiet, Redial: s.dial, OnState: func(_ *gantline.End, st gantline.State) {
		if st == gantline.StateBroken {
			s.broken.Add(1)
		}
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { e.Close() })
	return e
}

// stolen is the HELLO that the victim resumed with.
func (s *scene) stolen() frame.Hello {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.said[frame.PrefaceLen:]
	h, err := frame.ParseHeader(p)
	if err != nil {
		s.t.Fatal(err)
	}
	hello, err := frame.ParseHello(p[frame.HeaderLen : frame.HeaderLen+h.Length])
	if err != nil || hello.Resume == nil {
		s.t.Fatalf("no resume was heard: %+v, %v", hello, err)
	}
	return hello
}

// say sends a HELLO on a connection of the thief's, and returns the server's REFUSE.
func (s *scene) say(hello *frame.Hello) (frame.Refuse, error) {
	nc, err := s.raw(s.t.Context(), "thief")
	if err != nil {
		return frame.Refuse{}, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	p := frame.AppendHello(nil, hello)
	first := frame.AppendHeader(frame.AppendPreface(nil, frame.Version), frame.Header{Type: frame.TypeHello, Length: uint32(len(p))})
	if _, err := nc.Write(append(first, p...)); err != nil {
		return frame.Refuse{}, err
	}
	answer, err := io.ReadAll(nc)
	if err != nil {
		return frame.Refuse{}, err
	}
	h, err := frame.ParseHeader(answer)
	if err != nil {
		return frame.Refuse{}, err
	}
	if h.Type != frame.TypeRefuse {
		s.t.Errorf("the answer is %v, not REFUSE", h.Type)
	}
	return frame.ParseRefuse(answer[frame.HeaderLen:])
}

// TestThief: stolen, replayed, foreign and altered resumes are refused, and the live session does not notice. conn's
// TestResumeRefused has those whose proof is valid.
func TestThief(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, secure)
			mine := s.stolen()
			other := s.client("other")
			s.hangUp()
			until(t, 10*time.Second, "resumed", func() bool { return other.Stats().Link.Resumes == 1 })
			theirs := s.stolen()
			until(t, 10*time.Second, "both were told", func() bool { return s.broken.Load() == 2 })
			s.broken.Store(0)

			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var traffic sync.WaitGroup
			live := newSide("victim")
			live.end = s.victim
			traffic.Go(func() {
				for seed := uint64(0); seed < 2 || ctx.Err() == nil; seed++ {
					live.push(t.Context(), seed, 1<<20) // compares hashes
				}
			})
			replayed := frame.Aborted // the proof is right and the attempt is old
			if secure {
				replayed = frame.Unauthenticated // it is no proof on another connection
			}
			tests := []struct {
				name string
				edit func(h *frame.Hello, r *frame.ResumeHello)
				want frame.Code
			}{
				{"replayed as it was", func(*frame.Hello, *frame.ResumeHello) {}, replayed},
				{"with the next epoch", func(_ *frame.Hello, r *frame.ResumeHello) { r.Epoch++ }, frame.Unauthenticated},
				{"with a far epoch", func(_ *frame.Hello, r *frame.ResumeHello) { r.Epoch = 1 << 62 }, frame.Unauthenticated},
				{"with epoch 0", func(_ *frame.Hello, r *frame.ResumeHello) { r.Epoch = 0 }, frame.Unauthenticated},
				{"with another position", func(_ *frame.Hello, r *frame.ResumeHello) { r.Position++ }, frame.Unauthenticated},
				{"with a position out of range", func(_ *frame.Hello, r *frame.ResumeHello) { r.Position = 1 << 62 }, frame.Unauthenticated},
				{"with other counters", func(_ *frame.Hello, r *frame.ResumeHello) { r.Released[1] += 9 }, frame.Unauthenticated},
				{"under another id", func(h *frame.Hello, _ *frame.ResumeHello) { h.ID = "thief" }, frame.Unauthenticated},
				{"unbound from TLS", func(h *frame.Hello, _ *frame.ResumeHello) { h.Features ^= 1 }, frame.Unauthenticated},
				{"without a proof", func(_ *frame.Hello, r *frame.ResumeHello) { r.MAC = [32]byte{}; r.Epoch++ }, frame.Unauthenticated},
				{"with a flipped bit in it", func(_ *frame.Hello, r *frame.ResumeHello) { r.MAC[31] ^= 1; r.Epoch++ }, frame.Unauthenticated},
				{"with another session's id", func(_ *frame.Hello, r *frame.ResumeHello) { r.Session = theirs.Resume.Session }, frame.Unauthenticated},
				{"with another session's proof", func(_ *frame.Hello, r *frame.ResumeHello) { r.MAC = theirs.Resume.MAC; r.Epoch++ }, frame.Unauthenticated},
				{"of a session nobody has", func(_ *frame.Hello, r *frame.ResumeHello) { r.Session[0] ^= 1 }, frame.NotFound},
			}
			for _, tt := range tests {
				hello, resume := mine, *mine.Resume
				hello.Resume = &resume
				tt.edit(&hello, &resume)
				x, err := s.say(&hello)
				if err != nil || x.Code != tt.want || x.HasPosition {
					t.Errorf("%s: refused with %v (%v), want %v", tt.name, x.Code, err, tt.want)
				}
			}
			stop()
			traffic.Wait()
			for _, e := range []*gantline.End{s.victim, other} {
				if n := e.Stats(); n.Link.Resumes != 1 || n.Sessions != 1 || e.State() != gantline.StateUp {
					t.Errorf("%s: %d resumes, %d sessions, %v", e.LocalID(), n.Link.Resumes, n.Sessions, e.State())
				}
			}
			if n := s.broken.Load(); n != 0 {
				t.Errorf("the live sessions broke %d times", n)
			}
			for _, w := range live.wrong {
				t.Error(w)
			}
		})
	}
}
