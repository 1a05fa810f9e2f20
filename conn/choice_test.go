package conn

import (
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestServersChoice: a client leaves heartbeat and expiry to the server, which has been given more than a WELCOME may
// or can say.
func TestServersChoice(t *testing.T) {
	const days = 24 * time.Hour
	a, b := memnet.Pipe()
	defer a.Close()
	h := validHello()
	h.Heartbeat, h.Expiry = 0, 0
	if _, err := a.Write(append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, &h))...)); err != nil {
		t.Fatal(err)
	}
	l, err := Server(t.Context(), b, silent(&Config{Heartbeat: time.Hour, Expiry: 50 * days}))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Abort(nil)
	_, w, err := readWelcome(a)
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(w.Heartbeat) * time.Millisecond; got != MaxHeartbeat || l.Peer().Heartbeat != got {
		t.Errorf("heartbeat %v told, %v used, want %v", got, l.Peer().Heartbeat, MaxHeartbeat)
	}
	if got := time.Duration(w.Expiry) * time.Millisecond; got < 24*days || l.Peer().Expiry != got {
		t.Errorf("expiry %v told, %v used", got, l.Peer().Expiry)
	}
}
