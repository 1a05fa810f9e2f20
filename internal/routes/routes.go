package routes

import (
	"context"
	"net"
	"strings"
)

// Route is one way to the peer.
type Route interface {
	// Limit returns ctx with the time that the route may take; ctx is cancelled in any case. left counts the routes not
	// tried yet, and this one.
	Limit(ctx context.Context, left int) context.Context
	// Dial connects. It is the application's code.
	Dial(ctx context.Context) (net.Conn, error)
	// Home reports whether the peer that is looked for was there last.
	Home() bool
	// Ended is called with how it went: nc is nil if Dial has failed, err is nil for the route that has won. ctx is the
	// one of Limit. It returns err in words that name the route. It is not called for a route that was not quick enough.
	Ended(ctx context.Context, nc net.Conn, err error) error
}

// Set is what a Race tries. It is a net.Conn only to be taken for one that is still to be made; only Close works.
type Set struct {
	net.Conn // nil

	// Routes are the ways in their order. A Race takes away those that it tries.
	Routes []Route
	// Named returns the way to an address that a server has named; nil = there are no others than Routes.
	Named func(addr string) (Route, error)

	won  Route
	rest []context.CancelFunc // of handshakes that finish only to be discarded
}

// Close does nothing: there is no connection.
func (s *Set) Close() error { return nil }

// Won returns the route that has led to a peer in the last race, nil for none.
func (s *Set) Won() Route { return s.won }

// EndWith ends what the races have left when ctx ends.
func (s *Set) EndWith(ctx context.Context) {
	for _, cancel := range s.rest {
		context.AfterFunc(ctx, cancel)
	}
	s.rest = nil
}

type wantKey struct{}

// Want lets a Config.Redial that is called with ctx return a *Set.
func Want(ctx context.Context) context.Context { return context.WithValue(ctx, wantKey{}, true) }

// Wanted reports whether ctx is from Want.
func Wanted(ctx context.Context) bool { return ctx.Value(wantKey{}) != nil }

// Failed is the error of a race in which no route has led to a peer.
type Failed struct {
	Errs    []error // of Route.Ended, in the order of the ends
	Dialled bool    // one of them had a connection
}

// Error has the reason of each route.
func (f *Failed) Error() string {
	texts := make([]string, len(f.Errs))
	for i, err := range f.Errs {
		texts[i] = strings.TrimPrefix(err.Error(), "gantline: ")
	}
	return "gantline: " + strings.Join(texts, "; ")
}

// Unwrap returns the reason of each route.
func (f *Failed) Unwrap() []error { return f.Errs }
