package streampeers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/streams"
)

// http2Peer makes a stream of a request whose body and answer run at the same time.
var http2Peer = streams.Peer{
	Name:    "http2",
	Config:  "net/http, unencrypted HTTP/2 (with TLS where the scenario has it), POST in full duplex, flushed after each write, MaxConcurrentStreams 100,000 instead of 250",
	Connect: connectHTTP2,
}

func connectHTTP2(_ context.Context, c *carrier.Carrier) (client, server streams.Session, err error) {
	ln, err := c.Listen()
	if err != nil {
		return nil, nil, err
	}
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	h := &http2Server{accept: make(chan *http2Far), ln: ln}
	srv := &http.Server{Handler: h, Protocols: &only, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100_000}}
	h.srv = srv
	tr := &http.Transport{Protocols: &only, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.Dial(ctx) }}
	// The carrier does the TLS itself on the dialling side, so HTTP/2 without negotiation is spoken over it.
	if c.Kind.TLS {
		ln = plainListener{ln}
	}
	go func() { _ = srv.Serve(ln) }() // ends with the server's Close, or with the process
	return &http2Client{tr}, h, nil
}

// plainListener hides that its connections are TLS, so that the server does not look for a negotiated protocol.
type plainListener struct{ net.Listener }

func (l plainListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if t, ok := nc.(*tls.Conn); ok {
		return struct{ net.Conn }{t}, err
	}
	return nc, err
}

type http2Client struct{ tr *http.Transport }

func (h *http2Client) Open(context.Context) (streams.Stream, error) {
	body, w := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, "http://bench/", body)
	if err != nil {
		return nil, err
	}
	res, err := h.tr.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		return nil, fmt.Errorf("%s %s", res.Proto, res.Status)
	}
	return &http2Near{w, res.Body}, nil
}

func (h *http2Client) Accept(context.Context) (streams.Stream, error) {
	return nil, errors.ErrUnsupported
}

func (h *http2Client) Close() error {
	h.tr.CloseIdleConnections()
	return nil
}

// http2Near is the dialling side's end of a stream.
type http2Near struct {
	w *io.PipeWriter
	r io.ReadCloser
}

func (s *http2Near) Read(p []byte) (int, error)  { return s.r.Read(p) }
func (s *http2Near) Write(p []byte) (int, error) { return s.w.Write(p) }

// Close ends the sending direction. Closing the answer's body would reset the stream, so it is read to its end,
// which the other side's Close brings.
func (s *http2Near) Close() error {
	err := s.w.Close()
	go func() { _, _ = io.Copy(io.Discard, s.r) }()
	return err
}

type http2Server struct {
	accept chan *http2Far
	srv    *http.Server
	ln     net.Listener
}

func (h *http2Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	far := &http2Far{r: r.Body, w: w, rc: http.NewResponseController(w), done: make(chan struct{})}
	w.WriteHeader(http.StatusOK)
	if far.rc.Flush() != nil {
		return
	}
	h.accept <- far
	<-far.done
}

func (h *http2Server) Open(context.Context) (streams.Stream, error) {
	return nil, errors.ErrUnsupported
}

func (h *http2Server) Accept(ctx context.Context) (streams.Stream, error) {
	select {
	case far := <-h.accept:
		return far, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *http2Server) Close() error { return h.srv.Close() }

// http2Far is the accepting side's end of a stream; its handler returns when it is closed.
type http2Far struct {
	r    io.ReadCloser
	w    io.Writer
	rc   *http.ResponseController
	once sync.Once
	done chan struct{}
}

func (s *http2Far) Read(p []byte) (int, error) { return s.r.Read(p) }

func (s *http2Far) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil {
		err = s.rc.Flush()
	}
	return n, err
}

func (s *http2Far) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}
