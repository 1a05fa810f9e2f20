package gantline

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

// TestStreamIsAConn: a stream, and an End's own stream, are net.Conns in every respect, from either side.
func TestStreamIsAConn(t *testing.T) {
	opened := func(swap bool) nettest.MakePipe {
		return func() (net.Conn, net.Conn, func(), error) {
			c, s := Pipe(nil, nil)
			stop := func() { closeBoth(c, s) }
			if swap {
				c, s = s, c
			}
			a, err := c.OpenStream(t.Context())
			if err != nil {
				return nil, nil, stop, err
			}
			b, err := s.AcceptStream(t.Context())
			return a, b, stop, err
		}
	}
	own := func() (net.Conn, net.Conn, func(), error) {
		c, s := Pipe(nil, nil)
		return c.Stream, s.Stream, func() { closeBoth(c, s) }, nil
	}
	for name, mp := range map[string]nettest.MakePipe{"opened by the client": opened(false), "opened by the server": opened(true), "the End's own": own} {
		t.Run(name, func(t *testing.T) { nettest.TestConn(t, mp) })
	}
}
