package scenario

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/chaos"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" { // this program is a child of a test: see child_test.go
		if err := runChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// rig is a client and a server with a proxy between them.
type rig struct {
	t      testing.TB
	ln     *server.Listener
	proxy  *chaos.Proxy
	client *side
	server *side
	dials  atomic.Int64 // tried by the client
}

var quiet = slog.New(slog.DiscardHandler)

// newRig connects them; rules and seed are the proxy's. Beat is the heartbeat, 0 the default.
func newRig(t testing.TB, seed uint64, beat time.Duration, rules ...string) *rig {
	t.Helper()
	r := &rig{t: t, client: newSide("client"), server: newSide("server")}
	var err error
	r.ln, err = server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{Setup: r.server.setup, Logger: quiet, Heartbeat: beat}))
	if err != nil {
		t.Fatal(err)
	}
	r.proxy, err = chaos.Listen("127.0.0.1:0", r.ln.Addr().String(), &chaos.Config{Seed: seed, Rules: chaos.MustParse(rules...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for { // the first handshake may be cut as well, and Dial returns the first failure
		r.client.end, err = client.Dial(ctx, "tcp", r.proxy.Addr(), client.WithDialFunc(r.dial),
			client.WithConfig(gantline.Config{Setup: r.client.setup, Logger: quiet, Heartbeat: beat}))
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if r.server.end, err = r.ln.AcceptEnd(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// dial counts.
func (r *rig) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	r.dials.Add(1)
	return new(net.Dialer).DialContext(ctx, network, addr)
}

func (r *rig) close() {
	if r.client.end != nil {
		r.client.end.Close()
	}
	r.ln.Close()
	r.proxy.Close()
}

// resumes is how often the client's session continued over a new connection.
func (r *rig) resumes() uint64 { return r.client.end.Stats().Link.Resumes }
