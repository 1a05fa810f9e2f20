package server_test

import (
	"context"
	"net"
	"testing"

	"github.com/gantline-project/gantline"
	"golang.org/x/net/nettest"
)

// TestNetTest: a stream, and the End itself, are net.Conns over every carrier and seen from either side.
func TestNetTest(t *testing.T) {
	kinds := []struct {
		name string
		open func(c, s *gantline.End) (net.Conn, net.Conn, error)
	}{
		{"end", func(c, s *gantline.End) (net.Conn, net.Conn, error) { return c, s, nil }},
		{"stream", func(c, s *gantline.End) (net.Conn, net.Conn, error) { return openStream(c, s) }},
		{"stream back", func(c, s *gantline.End) (net.Conn, net.Conn, error) {
			a, b, err := openStream(s, c)
			return b, a, err
		}},
	}
	for _, cr := range carriers {
		for _, k := range kinds {
			for _, acceptorFirst := range []bool{false, true} {
				name := cr.name + "/" + k.name
				if acceptorFirst {
					name += "/acceptor first"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					ln, dial := cr.listen(t)
					nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
						c, err := dial(context.Background())
						if err != nil {
							return nil, nil, nil, err
						}
						s, err := ln.AcceptEnd(context.Background())
						if err != nil {
							return nil, nil, nil, err
						}
						c1, c2, err = k.open(c, s)
						if acceptorFirst {
							c1, c2 = c2, c1
						}
						return c1, c2, func() { c.Close(); s.Close() }, err
					})
				})
			}
		}
	}
}

func openStream(from, to *gantline.End) (a, b net.Conn, err error) {
	st, err := from.OpenStream(context.Background())
	if err != nil {
		return nil, nil, err
	}
	other, err := to.AcceptStream(context.Background())
	if err != nil {
		return nil, nil, err
	}
	return st, other, nil
}
