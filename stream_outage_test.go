package gantline

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// begun is one thing of an End's that can be begun during an outage.
type begun struct {
	name string
	// do begins it and waits for its outcome. Success is nil; then the peer has counted it.
	do func(ctx context.Context, e *End) error
	// again: it is sent again in the next session if the peer may have taken it. quiet: nobody learns its outcome.
	// bytes: it is a stream, whose error is that of a Read. box: with an Outbox, which keeps it for the next End.
	again, quiet, bytes, box bool
}

// held reports whether somebody holds it, so that it cannot be begun again.
func (b begun) held() bool { return b.bytes || b.name == "OpenCall" }

var allBegun = []begun{
	{name: "OpenStream", bytes: true, do: func(ctx context.Context, e *End) error {
		st, err := e.OpenStream(ctx)
		if err != nil {
			return err
		}
		return echoed(st)
	}},
	{name: "DialContext", bytes: true, do: func(ctx context.Context, e *End) error {
		nc, err := e.DialContext(ctx, "tcp", "web:80")
		if err != nil {
			return err
		}
		return echoed(nc)
	}},
	{name: "OpenCall", do: func(ctx context.Context, e *End) error {
		cs, err := e.OpenCall(ctx, "stream")
		if err != nil {
			return err
		}
		if err := cs.Send(ctx, []byte("x")); err != nil {
			return err
		}
		_, err = cs.Recv(ctx)
		return err
	}},
	{name: "Call", do: func(ctx context.Context, e *End) error { _, err := e.Call(ctx, "m", []byte("x")); return err }},
	{name: "Go", do: func(ctx context.Context, e *End) error { _, err := e.Go(ctx, "m", []byte("x")).Wait(ctx); return err }},
	{name: "Notify", quiet: true, do: func(ctx context.Context, e *End) error { return e.Notify(ctx, "m", []byte("x")) }},
	{name: "Publish", again: true, do: func(ctx context.Context, e *End) error { return e.Publish(ctx, "t", []byte("x")) }},
	{name: "PublishAsync", again: true, do: func(ctx context.Context, e *End) error {
		p, err := e.PublishAsync(ctx, "t", []byte("x"))
		if err != nil {
			return err
		}
		return p.Wait(ctx)
	}},
	{name: "Publish with an Outbox", again: true, box: true, do: func(ctx context.Context, e *End) error { return e.Publish(ctx, "t", []byte("x")) }},
	{name: "NoAck", quiet: true, do: func(ctx context.Context, e *End) error { return e.Publish(ctx, "t", []byte("x"), NoAck()) }},
}

// echoed writes to nc and reads the echo.
func echoed(nc net.Conn) error {
	if _, err := nc.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(nc, make([]byte, 1))
	return err
}

// outage is a client and a server whose connection fails.
type outage struct {
	*testServer
	c      *End
	served atomic.Int32 // by either side
}

// serving returns cfg with what serves everything in allBegun.
func (o *outage) serving(cfg Config) *Config {
	cfg.Setup = func(e *End) error {
		e.Handle("m", HandlerFunc(func(_ context.Context, q *Request) ([]byte, error) {
			o.served.Add(1)
			return q.Body, nil
		}))
		e.HandleStream("stream", func(ctx context.Context, _ *Request, cs *CallStream) error {
			o.served.Add(1)
			msg, err := cs.Recv(ctx)
			if err != nil {
				return err
			}
			return cs.Send(ctx, msg)
		})
		e.Subscribe("t", func(context.Context, *Message) error { o.served.Add(1); return nil })
		go func() { // ends with e
			for {
				st, err := e.AcceptStream(context.Background())
				if err != nil {
					return
				}
				o.served.Add(1)
				go func() { _, _ = io.Copy(st, st) }() // ends with st
			}
		}()
		return nil
	}
	return &cfg
}

// newOutage connects them, with what b needs.
func newOutage(t *testing.T, b begun) *outage { return newOutageOf(t, b, Config{}) }

func newOutageOf(t *testing.T, b begun, client Config) *outage {
	o := new(outage)
	var server Config
	if b.box {
		client.ID, client.Outbox, server.Outbox = "client", newMemoryBox(), newMemoryBox()
	}
	o.testServer = newTestServer(t, o.serving(server))
	o.c = o.client(o.serving(client))
	synctest.Wait()
	return o
}

// breaks cuts the connection, and lets nobody connect.
func (o *outage) breaks() {
	o.close()
	o.cut()
	synctest.Wait()
}

// silent lets nothing arrive any more of what the client sends.
func (o *outage) silent() { o.lossy(true) }

// begin runs b on e and returns its outcome.
func (o *outage) begin(e *End, b begun) (outcome func() error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- b.do(ctx, e)
	}()
	synctest.Wait()
	return func() error { return <-done }
}

// TestOutage: what was begun and did not reach the peer before the session was lost is done in the next one, or is
// ErrNotSent. It is alike for everything that can be begun.
func TestOutage(t *testing.T) {
	type end int
	const (
		done    end = iota // in the fresh session, once
		notSent            // ErrNotSent, and the session is lost
		unknown            // the peer may have it, and it is not done again
		twice              // the peer may have it, and it is done again
	)
	for _, tt := range []struct {
		name  string
		fails func(o *outage, begin func()) // from the first failure to the next connection
		want  func(b begun) end
	}{
		{"broken, then resumed",
			func(o *outage, begin func()) { o.breaks(); begin(); o.open() },
			func(begun) end { return done }},
		{"broken, then restarted",
			func(o *outage, begin func()) { o.breaks(); begin(); o.stop(); o.start() },
			func(begun) end { return done }},
		{"broken, then lost at a known position",
			func(o *outage, begin func()) { o.breaks(); begin(); o.lose(); o.open() },
			func(begun) end { return done }},
		{"broken for longer than the session lives",
			func(o *outage, begin func()) { o.breaks(); begin(); <-time.After(5 * time.Minute); o.start() },
			func(begun) end { return done }},
		{"lost",
			func(o *outage, begin func()) { o.breaks(); <-time.After(5 * time.Minute); begin(); o.start() },
			func(begun) end { return done }},
		{"sent, then resumed",
			func(o *outage, begin func()) { o.silent(); begin(); o.lossy(false); o.cut() },
			func(begun) end { return done }},
		{"sent, then lost at a known position",
			func(o *outage, begin func()) { o.silent(); begin(); o.lossy(false); o.lose(); o.open() },
			func(b begun) end {
				if b.held() { // somebody holds it
					return notSent
				}
				return done
			}},
		{"arrived, then lost at a known position",
			func(o *outage, begin func()) { o.deaf(true); begin(); o.deaf(false); o.lose(); o.open() },
			func(b begun) end {
				if b.again {
					return twice
				}
				return unknown
			}},
		{"sent, then restarted",
			func(o *outage, begin func()) { o.silent(); begin(); o.lossy(false); o.stop(); o.start() },
			func(b begun) end {
				if b.again {
					return done
				}
				return unknown
			}},
	} {
		for _, b := range allBegun {
			t.Run(tt.name+"/"+b.name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					o := newOutage(t, b)
					var outcome func() error
					tt.fails(o, func() { outcome = o.begin(o.c, b) })
					err := outcome()
					<-time.After(30 * time.Second) // more than a pause between two dials
					switch n := o.served.Load(); tt.want(b) {
					case twice:
						if err != nil || n != 2 {
							t.Errorf("it was done %d times, with %v", n, err)
						}
					case done:
						if err != nil || n != 1 {
							t.Errorf("it was done %d times, with %v", n, err)
						}
					case notSent:
						want(t, err, ErrNotSent, ErrSessionLost)
						if n != 0 {
							t.Errorf("it was done %d times", n)
						}
					case unknown:
						if errors.Is(err, ErrNotSent) || !b.quiet && !errors.Is(err, ErrSessionLost) || !b.quiet && !b.bytes && !errors.Is(err, ErrUnknownOutcome) {
							t.Errorf("the peer may have it, and the error is %v", err)
						}
						if n > 1 {
							t.Errorf("it was done %d times", n)
						}
					}
				})
			})
		}
	}
}

// TestOutageSuspended: a server's End gets no other session. What it has begun during an outage is sent when the client
// comes back, and ErrNotSent when it does not.
func TestOutageSuspended(t *testing.T) {
	for _, back := range []bool{true, false} {
		for _, b := range allBegun {
			t.Run(map[bool]string{true: "back/", false: "lost/"}[back]+b.name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					o := newOutage(t, b)
					s := o.ends[0]
					o.breaks()
					outcome := o.begin(s, b)
					if back {
						o.open()
					} else {
						o.lose()
					}
					err := outcome()
					<-time.After(5 * time.Second)
					n := o.served.Load()
					switch {
					case back && (err != nil || n != 1):
						t.Errorf("it was done %d times, with %v", n, err)
					case !back && n != 0:
						t.Errorf("it was done %d times", n)
					case !back && !b.quiet:
						want(t, err, ErrNotSent, ErrSessionLost)
					}
				})
			})
		}
	}
}

// TestOutageEnds: what waits during an outage ends with its context, and with the End, and was not sent then.
func TestOutageEnds(t *testing.T) {
	for name, lose := range map[string]bool{"broken": false, "lost": true} {
		for _, how := range []string{"ctx", "Close", "Shutdown", "Shutdown in time"} {
			for _, b := range allBegun {
				t.Run(name+"/"+how+"/"+b.name, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						o := newOutage(t, b)
						o.breaks()
						if lose {
							<-time.After(5 * time.Minute)
						}
						ctx, cancel := context.WithCancel(context.Background())
						defer cancel()
						outcome := make(chan error, 1)
						go func() { outcome <- b.do(ctx, o.c) }()
						synctest.Wait()
						at := time.Now()
						switch how {
						case "ctx":
							cancel()
						case "Close":
							go o.c.Close()
						case "Shutdown":
							short, stop := context.WithTimeout(context.Background(), 2*time.Second)
							defer stop()
							go o.c.Shutdown(short)
						case "Shutdown in time":
							shut := make(chan error, 1)
							go func() { shut <- o.c.Shutdown(context.Background()) }()
							<-time.After(5 * time.Second)
							o.start()
							must(t, <-outcome)
							if !b.bytes && b.name != "OpenCall" {
								must(t, <-shut) // the others are open still
							}
							return
						}
						err := <-outcome
						if took := time.Since(at); took > 5100*time.Millisecond || how == "ctx" && took > 0 {
							t.Errorf("it took %v", took)
						}
						switch {
						case b.quiet && err == nil: // it is kept for the next session
						case how == "ctx":
							want(t, err, context.Canceled)
							if b.held() {
								want(t, err, ErrNotSent)
							}
						default:
							want(t, err, ErrNotSent, net.ErrClosed)
						}
					})
				})
			}
		}
	}
}

// TestOutageBothSides: both sides open streams in an outage, many at once, and all of them are served.
func TestOutageBothSides(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOutage(t, begun{})
		s := o.ends[0]
		o.breaks()
		var wg sync.WaitGroup
		const each = 2000
		for _, e := range []*End{o.c, s} {
			for range each {
				wg.Go(func() {
					st, err := e.OpenStream(short(t))
					if err == nil {
						err = echoed(st)
						_ = st.Close()
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		<-time.After(5 * time.Second)
		o.open()
		wg.Wait()
		if n := o.served.Load(); n != 2*each {
			t.Errorf("%d streams were served, want %d", n, 2*each)
		}
	})
}
