// Package streams has the scenarios of the streams table and the peers that need nothing but gantline.
//
// # Usage
//
//	runner := streams.Runner(peers...) // more peers, each a small file of its own
//	runners := map[string]trial.Runner{"streams": runner}
//
// A peer of another multiplexer is a Peer value: a name, a description of its configuration, and a function that
// connects two sessions over a carrier.
//
// # Concurrency
//
// A Runner runs one Plan in its process and leaves everything open: the process ends afterwards.
//
// # Errors
//
// Errors are in the report.
package streams

import (
	"context"
	"io"

	"github.com/gantline-project/gantline/bench/internal/carrier"
)

// Stream is one stream of a session.
type Stream = io.ReadWriteCloser

// Session is one side of a connection with many streams.
type Session interface {
	// Open opens a stream.
	Open(ctx context.Context) (Stream, error)
	// Accept returns the next stream that the other side has opened.
	Accept(ctx context.Context) (Stream, error)
	// Close closes the session as its documentation says.
	Close() error
}

// Peer is a multiplexer.
type Peer struct {
	// Name is what -peers takes. The version of Module is printed, "" = the standard library.
	Name, Module string
	// Config describes its configuration.
	Config string
	// Speaks says that Accept learns of a stream only when its opener has written.
	Speaks bool
	// Packets says that it runs over datagrams, and not over what carrier makes.
	Packets bool
	// Connect returns both sides of a new connection. The server's side closes its listener.
	Connect func(ctx context.Context, c *carrier.Carrier) (client, server Session, err error)
}
