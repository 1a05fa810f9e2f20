package gantline

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/hashicorp/yamux"
)

// foreign makes an End in one role and a session of hashicorp's in the other, over nc's.
func foreign(t *testing.T, dials bool, cfg *Config) (*End, *yamux.Session, *memnet.Conn) {
	t.Helper()
	a, b := memnet.Pipe()
	own := quiet(cfg)
	own.Yamux = true
	theirs := yamux.DefaultConfig()
	theirs.LogOutput = io.Discard
	theirs.EnableKeepAlive = false
	var (
		e   *End
		y   *yamux.Session
		err error
	)
	if dials {
		y, err = yamux.Server(b, theirs)
		must(t, err)
		e, err = Client(short(t), a, own)
	} else {
		y, err = yamux.Client(b, theirs)
		must(t, err)
		go y.Ping() // the first byte
		e, err = Server(short(t), a, own)
	}
	if err != nil {
		_ = y.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.Close()
		_ = y.Close()
	})
	return e, y, a
}

// eachRole runs f as the dialling and as the accepting side.
func eachRole(t *testing.T, cfg *Config, f func(t *testing.T, e *End, y *yamux.Session, nc *memnet.Conn)) {
	for name, dials := range map[string]bool{"dials": true, "accepts": false} {
		t.Run(name, func(t *testing.T) {
			e, y, nc := foreign(t, dials, cfg)
			f(t, e, y, nc)
		})
	}
}

// TestYamuxStreams: streams opened by either side carry bytes both ways.
func TestYamuxStreams(t *testing.T) {
	eachRole(t, nil, func(t *testing.T, e *End, y *yamux.Session, _ *memnet.Conn) {
		go func() {
			for {
				st, err := y.Accept()
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(st, st)
					_ = st.Close()
				}()
			}
		}()
		go func() {
			for ln := e.Listener(""); ; {
				st, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(st, st)
					_ = st.Close()
				}()
			}
		}()
		data := make([]byte, 1<<20)
		for i := range data {
			data[i] = byte(i * 7)
		}
		ours, err := e.OpenStream(short(t))
		must(t, err)
		theirs, err := y.OpenStream()
		must(t, err)
		for _, nc := range []net.Conn{ours, theirs} {
			go func() {
				_, _ = nc.Write(data)
				if st, ok := nc.(*Stream); ok {
					_ = st.CloseWrite()
				} else {
					_ = nc.Close()
				}
			}()
			got, err := io.ReadAll(nc)
			must(t, err)
			if string(got) != string(data) {
				t.Errorf("%d bytes came back", len(got))
			}
		}
		if ours.Side() != e.Side() || ours.End() != e || ours.Name() != "" || ours.Meta() != nil {
			t.Errorf("the stream is of %v", ours.Side())
		}
		_, err = e.Ping(short(t))
		must(t, err)
		if s := e.Stats(); s.Link.BytesIn < 1<<20 || s.Link.BytesOut < 1<<20 || s.Link.FramesIn == 0 || s.Sessions != 1 {
			t.Errorf("%+v", s)
		}
		if e.State() != StateUp || (e.PeerID() == "") != (e.Side() == ClientSide) || e.PeerMeta() != nil {
			t.Errorf("%v, peer %q", e.State(), e.PeerID())
		}
		idle, err := e.OpenStream(short(t))
		must(t, err)
		found := false
		for st := range e.Streams() {
			found = found || st == idle
		}
		if !found {
			t.Error("Streams does not list the open stream")
		}
	})
}

// TestYamuxUnsupported: what yamux cannot say is refused and leaves the End as it was.
func TestYamuxUnsupported(t *testing.T) {
	eachRole(t, nil, func(t *testing.T, e *End, _ *yamux.Session, _ *memnet.Conn) {
		ctx := short(t)
		e.Handle("m", echo)
		e.Subscribe("t", func(context.Context, *Message) error { return nil })
		st, err := e.OpenStream(ctx)
		must(t, err)
		two := func(_ any, err error) error { return err }
		for name, err := range map[string]error{
			"Call":           two(e.Call(ctx, "m", nil)),
			"Stream.Call":    two(st.Call(ctx, "m", nil)),
			"Go":             two(e.Go(ctx, "m", nil).Wait(ctx)),
			"Notify":         e.Notify(ctx, "m", nil),
			"OpenCall":       two(e.OpenCall(ctx, "m")),
			"Publish":        e.Publish(ctx, "t", nil),
			"Publish large":  e.Publish(ctx, "t", make([]byte, 8<<20)),
			"Publish NoAck":  e.Publish(ctx, "t", nil, NoAck()),
			"PublishAsync":   two(e.PublishAsync(ctx, "t", nil)),
			"Stream.Publish": st.Publish(ctx, "t", nil),
			"Receive":        two(e.Receive(ctx)),
			"Migrate":        e.Migrate(ctx),
			"WithName":       two(e.OpenStream(ctx, WithName("x"))),
			"WithMeta":       two(e.OpenStream(ctx, WithMeta([]byte("x")))),
			"WithMetadata":   two(e.OpenStream(ctx, WithMetadata(Metadata{"a": {"b"}}))),
			"DialContext":    two(e.DialContext(ctx, "tcp", "x")),
			"Read":           two(e.Read(make([]byte, 1))),
			"Write":          two(e.Write([]byte("x"))),
			"ReadFrom":       two(e.ReadFrom(nil)),
			"WriteTo":        two(e.WriteTo(nil)),
			"CloseWrite":     e.CloseWrite(),
			"CloseRead":      e.CloseRead(),
			"Reset":          e.Reset(nil),
			"Stream.Close":   e.Stream.Close(),
			"SetDeadline":    errors.Join(e.SetDeadline(time.Now()), e.SetReadDeadline(time.Now()), e.SetWriteDeadline(time.Now())),
		} {
			if !errors.Is(err, ErrUnsupported) || !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
			if name != "SetDeadline" && CodeOf(err) != Unimplemented {
				t.Errorf("%s: code %v", name, CodeOf(err))
			}
		}
		if e.State() != StateUp {
			t.Error(e.State())
		}
		must(t, st.Close())
	})
}

// TestYamuxClose: what was written arrives, the hooks hear, and both sides are over.
func TestYamuxClose(t *testing.T) {
	states := make(chan State, 10)
	sessions := make(chan bool, 10)
	cfg := &Config{
		OnState:   func(_ *End, s State) { states <- s },
		OnSession: func(_ *End, fresh bool) { sessions <- fresh },
	}
	eachRole(t, cfg, func(t *testing.T, e *End, y *yamux.Session, _ *memnet.Conn) {
		st, err := e.OpenStream(short(t))
		must(t, err)
		theirs, err := y.AcceptStream()
		must(t, err)
		data := make([]byte, 200_000)
		_, err = st.Write(data)
		must(t, err)
		closed := make(chan error, 1)
		go func() { closed <- e.Close() }()
		got, err := io.ReadAll(theirs)
		if len(got) != len(data) || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		must(t, <-closed)
		must(t, e.Close())
		want(t, context.Cause(e.Context()), net.ErrClosed)
		_, err = e.OpenStream(short(t))
		want(t, err, net.ErrClosed)
		_, err = e.Accept()
		want(t, err, net.ErrClosed)
		for _, s := range []State{StateUp, StateDraining, StateClosed} {
			if got := <-states; got != s {
				t.Errorf("told %v, want %v", got, s)
			}
		}
		if !<-sessions || e.State() != StateClosed {
			t.Error(e.State())
		}
	})
}

// TestYamuxShutdown: the peer is told to open nothing new, and what is open may finish.
func TestYamuxShutdown(t *testing.T) {
	eachRole(t, nil, func(t *testing.T, e *End, y *yamux.Session, _ *memnet.Conn) {
		theirs, err := y.OpenStream()
		must(t, err)
		_, err = theirs.Write([]byte("x"))
		must(t, err)
		st, err := e.AcceptStream(short(t))
		must(t, err)
		go func() { // those that come before the peer knows
			for {
				extra, err := e.AcceptStream(context.Background())
				if err != nil {
					return
				}
				_ = extra.Close()
			}
		}()
		down := make(chan error, 1)
		go func() { down <- e.Shutdown(short(t)) }()
		for {
			extra, err := y.OpenStream()
			if err == yamux.ErrRemoteGoAway {
				break
			}
			must(t, err)
			_ = extra.Close()
		}
		_, err = e.OpenStream(short(t))
		want(t, err, Unavailable)
		_, err = st.Write([]byte("done"))
		must(t, err)
		must(t, st.Close())
		got, err := io.ReadAll(theirs)
		if string(got) != "done" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		must(t, theirs.Close())
		must(t, <-down)
	})
}

// TestYamuxTorn: nobody redials, and everything says why.
func TestYamuxTorn(t *testing.T) {
	cfg := &Config{Redial: func(context.Context) (net.Conn, error) { panic("redialled") }}
	eachRole(t, cfg, func(t *testing.T, e *End, _ *yamux.Session, nc *memnet.Conn) {
		st, err := e.OpenStream(short(t))
		must(t, err)
		nc.Cut()
		_, err = st.Read(make([]byte, 1))
		want(t, err, ErrSessionLost)
		_, err = e.Accept()
		want(t, err, ErrSessionLost)
		<-e.Context().Done()
		want(t, context.Cause(e.Context()), ErrSessionLost)
		_, err = e.Ping(short(t))
		want(t, err, ErrSessionLost)
		want(t, e.Close(), ErrSessionLost)
		if e.State() != StateClosed {
			t.Error(e.State())
		}
	})
}

// TestYamuxPeerCloses: a peer that hangs up in order has closed the End.
func TestYamuxPeerCloses(t *testing.T) {
	eachRole(t, nil, func(t *testing.T, e *End, y *yamux.Session, _ *memnet.Conn) {
		for range 2 { // after the second one nothing is on its way that a hang-up could break
			_, err := e.Ping(short(t))
			must(t, err)
		}
		must(t, y.Close())
		<-e.Context().Done()
		want(t, context.Cause(e.Context()), net.ErrClosed)
		must(t, e.Close())
	})
}
