package gantline

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestErrorTableKicked: an End that was closed with a reason has its code where the cause of the context is returned. What
// was under way says what is known of it, and that is its code.
func TestErrorTableKicked(t *testing.T) {
	for name, end := range map[string]func(s *End) error{
		"CloseWith": func(s *End) error { return s.CloseWith(&Error{Code: AlreadyExists, Message: "superseded"}) },
		"wrapped": func(s *End) error {
			return s.CloseWith(errors.Join(io.EOF, &Error{Code: AlreadyExists, cause: errors.Join(NotFound, ErrSessionLost)}))
		},
		"a code": func(s *End) error { return s.CloseWith(AlreadyExists) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, s := pair(t, nil, nil)
				s.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }))
				handler := make(chan error, 1)
				c.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
					<-ctx.Done()
					handler <- context.Cause(ctx)
					return nil, nil
				}))
				call, there := c.Go(t.Context(), "wait", nil), s.Go(t.Context(), "wait", nil)
				st, err := c.OpenStream(t.Context())
				must(t, err)
				synctest.Wait()
				_ = end(s)
				<-c.Context().Done()
				kicked, unsent := is(net.ErrClosed), is(net.ErrClosed, ErrNotSent)
				checkErrors(t, map[string]errorRow{
					"cause":        {context.Cause(c.Context()), AlreadyExists, kicked},
					"Read":         {second(st.Read(make([]byte, 1))), AlreadyExists, kicked},
					"Write":        {second(st.Write([]byte("x"))), AlreadyExists, kicked},
					"End.Read":     {second(c.Read(make([]byte, 1))), AlreadyExists, kicked},
					"OpenStream":   {second(c.OpenStream(t.Context())), AlreadyExists, unsent},
					"AcceptStream": {second(c.AcceptStream(t.Context())), AlreadyExists, kicked},
					"Receive":      {second(c.Receive(t.Context())), AlreadyExists, kicked},
					"Ping":         {second(c.Ping(t.Context())), AlreadyExists, kicked},
					"handler":      {<-handler, AlreadyExists, kicked},
					"call":         {second(call.Wait(t.Context())), Unknown, is(net.ErrClosed, ErrUnknownOutcome)},
					"call, there":  {second(there.Wait(t.Context())), Unknown, is(net.ErrClosed, ErrUnknownOutcome)},
					"Call":         {second(c.Call(t.Context(), "wait", nil)), Unavailable, unsent},
					"Notify":       {c.Notify(t.Context(), "wait", nil), Unavailable, unsent},
					"Publish":      {c.Publish(t.Context(), "t", nil), Unavailable, unsent},
					"there":        {second(s.Call(t.Context(), "wait", nil)), Unavailable, unsent},
				})
			})
		})
	}
}

// TestErrorTableShutdown: what an End refuses that is shut down, and what Shutdown says when two things go wrong.
func TestErrorTableShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		made := make(chan *End, 1)
		go func() {
			s, err := Server(t.Context(), b, quiet(nil))
			must(t, err)
			made <- s
		}()
		c, err := Client(t.Context(), a, quiet(nil))
		must(t, err)
		s := <-made
		defer s.Close()
		st, err := c.OpenStream(t.Context())
		must(t, err)
		synctest.Wait()
		b.BlockReads(true)
		_, err = st.Write(make([]byte, 1000)) // is not confirmed any more
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- c.Shutdown(ctx) }()
		synctest.Wait()
		unsent := is(ErrNotSent)
		checkErrors(t, map[string]errorRow{
			"Call":       {second(c.Call(t.Context(), "m", nil)), Unavailable, unsent},
			"Go":         {second(c.Go(t.Context(), "m", nil).Wait(t.Context())), Unavailable, unsent},
			"Notify":     {c.Notify(t.Context(), "m", nil), Unavailable, unsent},
			"OpenCall":   {second(c.OpenCall(t.Context(), "m")), Unavailable, unsent},
			"OpenStream": {second(c.OpenStream(t.Context())), Unavailable, unsent},
		})
		err = <-done
		checkErrors(t, map[string]errorRow{"Shutdown": {err, DeadlineExceeded, is(context.DeadlineExceeded)}})
		var un *conn.UnconfirmedError
		if !errors.As(err, &un) || strings.Count(err.Error(), prefix) != 1 || strings.Contains(err.Error(), "\n") {
			t.Errorf("two errors read %q", err)
		}
		b.BlockReads(false)
	})
}

// TestErrorTableStrangers: a handshake with something else fails with one code, and not with io.EOF.
func TestErrorTableStrangers(t *testing.T) {
	refuse := func(x frame.Refuse) []byte {
		p := frame.AppendRefuse(nil, &x)
		return append(frame.AppendHeader(nil, frame.Header{Type: frame.TypeRefuse, Length: uint32(len(p))}), p...)
	}
	for name, row := range map[string]struct {
		says           string
		client, server Code // what each of us says of it
		is             []error
	}{
		"nothing":         {"", Unknown, Unknown, nil},
		"HTTP":            {"HTTP/1.1 400 Bad Request\r\n\r\n", Unknown, Unknown, nil},
		"zeros":           {strings.Repeat("\x00", 100), Unknown, Unknown, nil},
		"another version": {string(frame.AppendPreface(nil, 99)), Unknown, Unknown, nil},
		"half a preface":  {string(frame.AppendPreface(nil, frame.Version)[:5]), Unknown, Unknown, nil},
		"refused":         {string(refuse(frame.Refuse{Code: NotFound, Text: "x"})), NotFound, Unknown, nil},
		"own code":        {string(refuse(frame.Refuse{Code: 99, Text: "x"})), 99, Unknown, nil},
		"closed":          {string(refuse(frame.Refuse{Code: OK, Closed: true, HasPosition: true})), Unavailable, Unknown, is(net.ErrClosed)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				for side, make := range map[string]func(context.Context, net.Conn, *Config) (*End, error){"client": Client, "server": Server} {
					ours, theirs := memnet.Pipe()
					go func() {
						_, _ = io.WriteString(theirs, row.says)
						_ = theirs.CloseWrite()
						_, _ = io.Copy(io.Discard, theirs)
						_ = theirs.Close()
					}()
					code, more := row.server, []error(nil)
					if side == "client" {
						code, more = row.client, row.is
					}
					_, err := make(t.Context(), ours, quiet(nil))
					checkErrors(t, map[string]errorRow{side: {err, code, more}})
				}
			})
		})
	}
}
