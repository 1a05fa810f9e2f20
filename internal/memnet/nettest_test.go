package memnet

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

func TestNetTest(t *testing.T) {
	tests := []struct {
		name string
		opts []Option
	}{
		{"default", nil},
		{"small buffer", []Option{WithBuffer(100)}},
		{"one byte reads", []Option{WithMaxRead(1)}},
		{"random pieces", []Option{WithMaxRead(700), WithMaxWrite(300), WithSeed(1)}},
		{"latency", []Option{WithLatency(100 * time.Microsecond)}},
		{"reset", []Option{WithReset()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b := Pipe(tt.opts...)
				return a, b, func() { a.Close(); b.Close() }, nil
			})
		})
	}
}

func TestNetTestListener(t *testing.T) {
	t.Parallel()
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		ln := Listen("server")
		a, err := ln.DialContext(context.Background(), "tcp", "ignored")
		if err != nil {
			return nil, nil, nil, err
		}
		b, err := ln.Accept()
		return a, b, func() { a.Close(); b.Close(); ln.Close() }, err
	})
}
