package scenario

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// fleet is two servers that are restarted in turn, and what their clients have seen.
type fleet struct {
	t     *testing.T
	addrs [2]string

	numbers atomic.Uint64
	calls   tally // how often each call has run
	handed  tally // how often each message was handed out unmarked
	copies  atomic.Uint64
	streams atomic.Uint64 // that ended as they should
	cut     atomic.Uint64 // that were open at the end of a server
}

// tally counts what has happened to each number.
type tally struct {
	mu sync.Mutex // guards n
	n  map[uint64]int
}

func (x *tally) add(body []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.n == nil {
		x.n = make(map[uint64]int)
	}
	x.n[binary.BigEndian.Uint64(body)]++
}

// serve is one life of a server.
func (f *fleet) serve(i int) *server.Server {
	nl, err := listenAgain(f.addrs[i])
	if err != nil {
		f.t.Fatal(err)
	}
	srv := &server.Server{Config: gantline.Config{Logger: quiet, Setup: func(e *gantline.End) error {
		e.Handle("call", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) {
			f.calls.add(req.Body)
			return req.Body, nil
		}))
		e.Subscribe("message", func(_ context.Context, m *gantline.Message) error {
			if m.Redelivered {
				f.copies.Add(1)
				return nil
			}
			f.handed.add(m.Body)
			return nil
		})
		return nil
	}}, Handler: func(e *gantline.End) {
		for {
			st, err := e.AcceptStream(context.Background())
			if err != nil {
				return
			}
			go func() { // ends with the stream
				defer st.Close()
				_, _ = io.Copy(st, st)
			}()
		}
	}}
	go srv.Serve(nl) // ends with Shutdown
	return srv
}

func (f *fleet) number() []byte { return binary.BigEndian.AppendUint64(nil, f.numbers.Add(1)) }

// repeat does f until its error is not one that is safe to repeat, or ctx ends.
func repeat(ctx context.Context, f func() error) error {
	for {
		if err := f(); !errors.Is(err, gantline.ErrNotSent) || ctx.Err() != nil {
			return err
		}
	}
}

// client works until quit is closed.
func (f *fleet) client(ctx context.Context, quit <-chan struct{}, first int) error {
	end, err := client.Dial(ctx, "tcp", f.addrs[first], client.WithAddrs(f.addrs[1-first]), client.WithConfig(gantline.Config{Logger: quiet}))
	if err != nil {
		return err
	}
	defer end.Close()
	work := []func() error{
		func() error {
			body := f.number()
			return repeat(ctx, func() error {
				answer, err := end.Call(ctx, "call", body)
				if err == nil && !bytes.Equal(answer, body) {
					err = fmt.Errorf("the answer of %x is %x", body, answer)
				}
				return err
			})
		},
		func() error {
			body := f.number()
			return repeat(ctx, func() error { return end.Publish(ctx, "message", body) })
		},
		func() error { return repeat(ctx, func() error { return f.short(ctx, end) }) },
		func() error { return f.long(ctx, end, quit) },
	}
	errs := make(chan error, len(work))
	for i, do := range work {
		go func() { // ends with quit
			for {
				select {
				case <-quit:
					errs <- nil
					return
				case <-time.After(rand.N(4 * time.Millisecond)):
				}
				if err := do(); err != nil {
					errs <- fmt.Errorf("work %d: %w", i, err)
					return
				}
			}
		}()
	}
	for range work {
		err = errors.Join(err, <-errs)
	}
	return err
}

// short is a stream that is done within a moment: it always finishes.
func (f *fleet) short(ctx context.Context, end *gantline.End) error {
	st, err := end.OpenStream(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	data := bytes.Repeat(f.number(), 200)
	if _, err := st.Write(data); err != nil {
		return err
	}
	if err := st.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(st)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("a stream ended well after %d of %d bytes", len(got), len(data))
	}
	f.streams.Add(1)
	return nil
}

// long is a stream that stays open until its server ends, which must not look like a regular end.
func (f *fleet) long(ctx context.Context, end *gantline.End, quit <-chan struct{}) error {
	st, err := end.OpenStream(ctx)
	if errors.Is(err, gantline.ErrNotSent) {
		return nil
	} else if err != nil {
		return err
	}
	defer st.Close()
	read := make(chan error, 1)
	go func() { // ends with the stream
		buf := make([]byte, 512)
		for want := byte(0); ; {
			n, err := st.Read(buf)
			for _, b := range buf[:n] {
				if b != want {
					read <- fmt.Errorf("byte %d in place of %d", b, want)
					return
				}
				want++
			}
			if err != nil {
				read <- err
				return
			}
		}
	}()
	for b := byte(0); ; b++ {
		select {
		case err := <-read:
			var se *gantline.StreamError
			if err == io.EOF || !errors.Is(err, gantline.ErrSessionLost) && !errors.As(err, &se) {
				return fmt.Errorf("a stream that was being written ends with %w", err)
			}
			f.cut.Add(1)
			return nil
		case <-quit:
			return nil
		case <-time.After(time.Millisecond):
			_, _ = st.Write([]byte{b}) // the reader learns why it failed
		}
	}
}

// TestRolling restarts two servers in turn under their clients. No call is lost or runs twice, no message is lost, streams
// that are done in time are whole, and those that are cut end with an error.
func TestRolling(t *testing.T) {
	f := &fleet{t: t}
	for i := range f.addrs {
		nl, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f.addrs[i] = nl.Addr().String()
		nl.Close()
	}
	servers := [2]*server.Server{f.serve(0), f.serve(1)}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	quit, failed := make(chan struct{}), make(chan error, rollingClients)
	for i := range rollingClients {
		go func() { failed <- f.client(ctx, quit, i%2) }() // ends with quit
	}
	for round := range rollingRounds {
		i := round % 2
		sctx, stop := context.WithTimeout(ctx, time.Second) // long streams do not end by themselves
		_ = servers[i].Shutdown(sctx)
		stop()
		servers[i] = f.serve(i)
		select {
		case err := <-failed:
			t.Fatalf("round %d: a client has ended: %v", round, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	close(quit)
	for range rollingClients {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	for _, srv := range servers {
		srv.Close()
	}
	once := 0
	for what, x := range map[string]*tally{"call": &f.calls, "message": &f.handed} {
		for n, times := range x.n {
			if once++; times != 1 {
				t.Errorf("%s %d: %d times", what, n, times)
			}
		}
	}
	if total := int(f.numbers.Load() - f.streams.Load()); once > total {
		t.Errorf("%d calls and messages, of %d", once, total)
	}
	if f.cut.Load() == 0 || f.streams.Load() == 0 || once == 0 {
		t.Errorf("%d calls and messages, %d streams, %d cut: nothing was tried", once, f.streams.Load(), f.cut.Load())
	}
	t.Logf("%d restarts under %d clients: %d calls and messages once each, %d marked copies, %d whole streams, %d cut with an error",
		rollingRounds, rollingClients, once, f.copies.Load(), f.streams.Load(), f.cut.Load())
}
