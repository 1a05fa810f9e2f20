package mux

import (
	"context"
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestYamuxConn runs nettest over a stream: ours at both ends, and ours as the end that is tested with
// hashicorp's as the other. (hashicorp's own streams do not pass as the tested end.)
func TestYamuxConn(t *testing.T) {
	for name, tt := range map[string]struct {
		client bool // the tested end
		opener bool // ditto
		theirs bool
	}{
		"client opens":                {true, true, false},
		"client accepts":              {true, false, false},
		"server opens":                {false, true, false},
		"server accepts":              {false, false, false},
		"hashicorp's server, we open": {true, true, true},
		"hashicorp's client opens":    {false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b := memnet.Pipe()
				e := newOurs(t, a, tt.client, nil)
				var peer *yamuxEnd
				if tt.theirs {
					peer = newTheirs(t, b, !tt.client, nil)
				} else {
					peer = newOurs(t, b, !tt.client, nil)
				}
				from, to := e, peer
				if !tt.opener {
					from, to = peer, e
				}
				x := from.open(t)
				y, err := to.accept()
				if !tt.opener {
					x, y = y, x
				}
				stop := func() {
					x.Close()
					y.Close()
					if peer.h != nil {
						peer.h.Close()
					}
					e.Close(context.Background())
					b.Close()
				}
				return x, y, stop, err
			})
		})
	}
}
