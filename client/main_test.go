package client_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	goleak.VerifyTestMain(m)
}

// listen returns a listener on a loopback port.
func listen(t testing.TB, opts ...server.Option) *server.Listener {
	t.Helper()
	ln, err := server.Listen("tcp", "127.0.0.1:0", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// network is a net of listeners in memory, by address.
type network map[string]*memnet.Listener

// listen adds a listener and its server.
func (n network) listen(t testing.TB, addr string, opts ...server.Option) *server.Listener {
	t.Helper()
	n[addr] = memnet.Listen(addr)
	ln := server.NewListener(n[addr], opts...)
	t.Cleanup(func() { ln.Close() })
	return ln
}

// hole is an address that accepts connections and never answers.
func (n network) hole(t testing.TB, addr string) {
	n[addr] = memnet.Listen(addr)
	t.Cleanup(func() { n[addr].Close() })
}

func (n network) dial(ctx context.Context, nw, addr string) (net.Conn, error) {
	ln, ok := n[addr]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: nw, Addr: memnet.Addr(addr), Err: errUnreachable}
	}
	return ln.DialContext(ctx, nw, addr)
}
