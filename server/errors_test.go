package server_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// TestServerCodes: what listeners and servers return has one code.
func TestServerCodes(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	closed, busy := server.NewListener(memnet.Listen("closed")), memnet.Listen("busy")
	closed.Close()
	ln := server.NewListener(busy)
	defer ln.Close()
	c := mustDial(t, func(ctx context.Context, opts ...client.Option) (*gantline.End, error) {
		return client.Dial(ctx, "mem", "busy", append(opts, client.WithDialFunc(busy.DialContext), client.WithoutRedial())...)
	})
	s := mustAccept(t, ln)
	if _, err := s.OpenStream(t.Context()); err != nil { // which Shutdown waits for
		t.Fatal(err)
	}
	_, acceptEnded := ln.AcceptEnd(ended)
	_, acceptClosed := closed.AcceptEnd(t.Context())
	_, listen := server.Listen("tcp", "127.0.0.1:notaport")
	srv := &server.Server{Handler: func(*gantline.End) {}}
	srv.Close()
	for name, row := range map[string]struct {
		err  error
		code gantline.Code
		is   error
	}{
		"AcceptEnd, context": {acceptEnded, gantline.Canceled, context.Canceled},
		"AcceptEnd, closed":  {acceptClosed, gantline.Unavailable, net.ErrClosed},
		"Listen":             {listen, gantline.Unknown, nil},
		"Serve, closed":      {srv.Serve(memnet.Listen("x")), gantline.Unknown, server.ErrServerClosed},
		"Shutdown":           {ln.Shutdown(ended), gantline.Canceled, context.Canceled},
	} {
		if got := gantline.CodeOf(row.err); row.err == nil || got != row.code || row.is != nil && !errors.Is(row.err, row.is) {
			t.Errorf("%s: code %v, want %v: %v", name, got.Name(), row.code.Name(), row.err)
		}
		for code := gantline.OK; code <= gantline.Unauthenticated; code++ {
			if errors.Is(row.err, code) != (code == row.code) {
				t.Errorf("%s: errors.Is(err, %v) = %v: %v", name, code.Name(), code != row.code, row.err)
			}
		}
	}
	<-c.Context().Done()
}
