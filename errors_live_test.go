package gantline

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestErrorTableLive: what the methods of Ends and Streams return has one code too.
func TestErrorTableLive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		early := make(chan error, 1)
		c, s := pair(t, &Config{Setup: func(e *End) error {
			go func() { early <- second(e.Call(ended(context.Canceled), "m", nil)) }()
			synctest.Wait()
			return nil
		}}, nil)
		open := func() (*Stream, *Stream) {
			st, err := c.OpenStream(t.Context())
			must(t, err)
			_, err = st.Write([]byte("x"))
			must(t, err)
			peer, err := s.AcceptStream(t.Context())
			must(t, err)
			return st, peer
		}
		read := func(st *Stream) error { return second(st.Read(make([]byte, 1))) }
		write := func(st *Stream) error { return second(st.Write([]byte("x"))) }
		idle, _ := open()
		must(t, idle.SetDeadline(time.Unix(1, 0)))
		closed, left := open()
		must(t, closed.Close())
		half, quarter := open()
		must(t, half.CloseWrite())
		must(t, half.CloseRead())
		reset, gone := open()
		must(t, reset.Reset(DataLoss))
		synctest.Wait()
		_ = read(left)
		l := c.Listener("x")
		must(t, l.Close())
		rows := map[string]errorRow{
			"Call, during Setup":  {<-early, Canceled, is(context.Canceled, ErrNotSent)},
			"Read, deadline":      {read(idle), DeadlineExceeded, is(os.ErrDeadlineExceeded)},
			"Write, deadline":     {write(idle), DeadlineExceeded, is(os.ErrDeadlineExceeded)},
			"Read, closed":        {read(closed), Unavailable, is(net.ErrClosed)},
			"Write, closed":       {write(closed), Unavailable, is(net.ErrClosed)},
			"Write, closed there": {write(left), Unavailable, is(net.ErrClosed)},
			"Write, CloseWrite":   {write(half), Unavailable, is(net.ErrClosed)},
			"Read, CloseRead":     {read(half), Unavailable, is(net.ErrClosed)},
			"Write, no reader":    {write(quarter), Unavailable, is(net.ErrClosed)},
			"Read, reset":         {read(gone), DataLoss, nil},
			"Read, reset here":    {read(reset), DataLoss, nil},
			"Accept, closed":      {second(l.Accept()), Unavailable, is(net.ErrClosed)},
			"Migrate":             {c.Migrate(t.Context()), FailedPrecondition, nil},
		}
		ended, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		for name, err := range map[string]error{
			"AcceptStream": second(c.AcceptStream(ended)), "Receive": second(c.Receive(ended)),
			"Ping": second(c.Ping(ended)), "Shutdown": s.Shutdown(ended),
		} {
			rows[name+", late"] = errorRow{err, DeadlineExceeded, is(context.DeadlineExceeded)}
		}
		for name, err := range map[string]error{
			"Call": second(c.Call(ended, "m", nil)), "OpenStream": second(c.OpenStream(ended)), "Go": second(c.Go(ended, "m", nil).Wait(t.Context())),
			"Notify": c.Notify(ended, "m", nil), "OpenCall": second(c.OpenCall(ended, "m")), "Publish": c.Publish(ended, "m", nil),
		} {
			rows[name+", late"] = errorRow{err, DeadlineExceeded, is(context.DeadlineExceeded, ErrNotSent)}
		}
		checkErrors(t, rows)
	})
}

// TestErrorTableClosed: what an End that is over returns.
func TestErrorTableClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		_ = c.Close()
		<-s.Context().Done()
		rows := map[string]errorRow{}
		for side, e := range map[string]*End{"closed here": c, "closed there": s} {
			for name, err := range map[string]error{
				"cause": context.Cause(e.Context()), "Write": second(e.Write([]byte("x"))),
				"AcceptStream": second(e.AcceptStream(t.Context())), "Accept": second(e.Accept()),
			} {
				rows[name+", "+side] = errorRow{err, Unavailable, is(net.ErrClosed)}
			}
			for name, err := range map[string]error{
				"Call": second(e.Call(t.Context(), "m", nil)), "Notify": e.Notify(t.Context(), "m", nil), "Publish": e.Publish(t.Context(), "m", nil),
				"OpenCall": second(e.OpenCall(t.Context(), "m")), "OpenStream": second(e.OpenStream(t.Context())),
				"DialContext": second(e.DialContext(t.Context(), "", "x")),
			} {
				rows[name+", "+side] = errorRow{err, Unavailable, is(ErrNotSent, net.ErrClosed)}
			}
		}
		rows["Read"] = errorRow{second(c.Read(make([]byte, 1))), Unavailable, is(net.ErrClosed)}
		rows["Receive"] = errorRow{second(s.Receive(t.Context())), Unavailable, is(net.ErrClosed)}
		rows["Ping"] = errorRow{second(s.Ping(t.Context())), Unavailable, is(net.ErrClosed)}
		checkErrors(t, rows)
	})
}

// TestErrorTableDoors: Client and Server fail with one code, that of the refusal when there is one.
func TestErrorTableDoors(t *testing.T) {
	refusal := &conn.RefusedError{Code: ResourceExhausted, Text: "full"}
	for name, c := range map[string]struct {
		client, server *Config
		code           Code // of the client's error
		there          Code // of the server's; OK = none
		is             []error
	}{
		"refused":           {nil, &Config{Setup: func(*End) error { return refusal }}, ResourceExhausted, ResourceExhausted, nil},
		"refused, plain":    {nil, &Config{Setup: func(*End) error { return errors.New("no") }}, PermissionDenied, PermissionDenied, nil},
		"refused, OK":       {nil, &Config{Setup: func(*End) error { return OK }}, PermissionDenied, PermissionDenied, nil},
		"refused, two":      {nil, &Config{Setup: func(*End) error { return errors.Join(NotFound, Aborted) }}, NotFound, NotFound, nil},
		"client's Setup":    {&Config{Setup: func(*End) error { return errors.Join(NotFound, Aborted) }}, nil, NotFound, OK, nil},
		"client's config":   {&Config{ID: "a\nb"}, nil, InvalidArgument, Unknown, nil},
		"panic":             {nil, &Config{Setup: func(*End) error { panic("x") }}, Internal, Internal, nil},
		"client's deadline": {&Config{Setup: func(*End) error { return context.DeadlineExceeded }}, nil, DeadlineExceeded, OK, is(context.DeadlineExceeded)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a, b := memnet.Pipe()
				there := make(chan error, 1)
				go func() {
					e, err := Server(t.Context(), b, quiet(c.server))
					if err == nil {
						<-e.Context().Done()
					}
					there <- err
				}()
				_, err := Client(t.Context(), a, quiet(c.client))
				checkErrors(t, map[string]errorRow{"client": {err, c.code, c.is}})
				if err := <-there; err != nil {
					oneCode(t, "server", err, c.there)
				} else if c.there != OK {
					t.Error("the server let it in")
				}
			})
		})
	}
	bubble(t, func(t *testing.T) {
		for name, ctx := range map[string]func() (context.Context, context.CancelFunc){
			"own timeout": func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
			"context":     func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Second) },
		} {
			ctx, cancel := ctx()
			defer cancel()
			a, b := memnet.Pipe()
			defer b.Close()
			_, err := Client(ctx, a, quiet(nil))
			checkErrors(t, map[string]errorRow{name: {err, DeadlineExceeded, is(context.DeadlineExceeded)}})
		}
	})
}
