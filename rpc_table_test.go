package gantline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// named is a handler that answers with its name.
func named(name string) Handler {
	return HandlerFunc(func(context.Context, *Request) ([]byte, error) { return []byte(name), nil })
}

// TestLookup: End, Router, the End's fallback, the Router's; a stream's scope never falls through.
func TestLookup(t *testing.T) {
	for _, test := range []struct {
		name                                       string
		onEnd, onRouter, endFallback, routFallback bool
		answer                                     string
	}{
		{"all", true, true, true, true, "end"},
		{"router before fallbacks", false, true, true, true, "router"},
		{"the end's fallback first", false, false, true, true, "end fallback"},
		{"the router's fallback last", false, false, false, true, "router fallback"},
		{"none", false, false, false, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			router := new(Router)
			c, s := pair(t, nil, &Config{Router: router, OnStream: func(*Stream) error { return nil }})
			if test.onEnd {
				s.Handle("m", named("end"))
			}
			if test.onRouter {
				router.Handle("m", named("router"))
			}
			if test.endFallback {
				s.Fallback(named("end fallback"))
			}
			if test.routFallback {
				router.Fallback(named("router fallback"))
			}
			got, err := c.Call(short(t), "m", nil)
			if test.answer == "" {
				want(t, err, Unimplemented)
			} else {
				must(t, err)
			}
			if string(got) != test.answer {
				t.Errorf("answered by %q, want %q", got, test.answer)
			}
			st, err := c.OpenStream(short(t))
			must(t, err)
			_, err = st.Call(short(t), "m", nil)
			want(t, err, Unimplemented)
		})
	}
}

func TestHandleReplacesAndRemoves(t *testing.T) {
	c, s := pair(t, nil, nil)
	for _, test := range []struct {
		h      Handler
		answer string
	}{{named("one"), "one"}, {named("two"), "two"}, {nil, ""}, {named("three"), "three"}} {
		s.Handle("m", test.h)
		got, err := c.Call(short(t), "m", nil)
		if test.answer == "" {
			want(t, err, Unimplemented)
		} else {
			must(t, err)
		}
		if string(got) != test.answer {
			t.Errorf("answered by %q, want %q", got, test.answer)
		}
	}
	s.HandleStream("m", func(context.Context, *Request, *CallStream) error { return nil })
	_, err := c.Call(short(t), "m", nil)
	want(t, err, Unimplemented)
}

func TestHandlePanicsForBadNames(t *testing.T) {
	_, s := pair(t, nil, nil)
	for _, register := range []func(string){
		func(m string) { s.Handle(m, echo) },
		func(m string) { s.HandleStream(m, func(context.Context, *Request, *CallStream) error { return nil }) },
		func(m string) { new(Router).Handle(m, echo) },
	} {
		for _, m := range []string{"", ":x", strings.Repeat("n", 256)} {
			func() {
				defer func() {
					if v := recover(); v == nil || !strings.HasPrefix(fmt.Sprint(v), prefix) {
						t.Errorf("name %.5q...: panic value is %v", m, v)
					}
				}()
				register(m)
			}()
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an Inline handler of streaming calls is accepted")
		}
	}()
	s.HandleStream("m", func(context.Context, *Request, *CallStream) error { return nil }, Inline())
}

// TestHandlerPanics: the caller gets Internal, the log the stack, and the End goes on.
func TestHandlerPanics(t *testing.T) {
	for _, mode := range handlerModes {
		t.Run(mode.name, func(t *testing.T) {
			var log lockedBuffer
			c, s := pair(t, nil, &Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			s.Handle("panic", HandlerFunc(func(context.Context, *Request) ([]byte, error) { panic("kaboom") }), mode.opts...)
			s.Handle("echo", echo, mode.opts...)
			for range 3 {
				_, err := c.Call(short(t), "panic", nil)
				want(t, err, Internal)
				if !strings.Contains(err.Error(), "kaboom") {
					t.Errorf("error is %q", err)
				}
			}
			if text := log.String(); !strings.Contains(text, "kaboom") || !strings.Contains(text, "rpc_table_test.go") {
				t.Errorf("log has no stack: %q", text)
			}
			_, err := c.Call(short(t), "echo", nil)
			must(t, err)
		})
	}
}

// TestHandlerGoexit: a handler that ends its goroutine, as t.FailNow does, is answered for too.
func TestHandlerGoexit(t *testing.T) {
	for _, mode := range handlerModes {
		if strings.HasPrefix(mode.name, "inline") {
			continue // it would end the reader
		}
		t.Run(mode.name, func(t *testing.T) {
			c, s := pair(t, nil, nil)
			s.Handle("exit", HandlerFunc(func(context.Context, *Request) ([]byte, error) {
				runtime.Goexit()
				return nil, nil
			}), mode.opts...)
			must(t, swarm(10, func(int) error {
				if _, err := c.Call(short(t), "exit", nil); CodeOf(err) != Internal {
					return fmt.Errorf("got %v", err)
				}
				return c.Notify(short(t), "exit", nil)
			}))
			must(t, s.Shutdown(short(t)))
		})
	}
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestMetadataBothWays: with the call, with the answer, with an error.
func TestMetadataBothWays(t *testing.T) {
	c, s := pair(t, nil, nil)
	s.Handle("m", HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
		req.SetReplyMetadata(Metadata{"got": req.Metadata["sent"]})
		if req.Metadata.Get("fail") != "" {
			return nil, Aborted
		}
		return req.Body, nil
	}))
	for _, fail := range []string{"", "yes"} {
		var reply Metadata
		_, err := c.Call(short(t), "m", []byte("body"), WithMetadata(Metadata{"sent": {"a", "b"}, "fail": {fail}}), ReplyMetadata(&reply))
		if fail == "" {
			must(t, err)
		} else {
			want(t, err, Aborted)
		}
		if v := reply.Values("got"); len(v) != 2 || v[0] != "a" || v[1] != "b" {
			t.Errorf("reply metadata is %v", reply)
		}
	}
	s.Handle("bad", HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
		req.SetReplyMetadata(Metadata{":reserved": {"x"}})
		return nil, nil
	}))
	_, err := c.Call(short(t), "bad", nil)
	want(t, err, Internal)
}

// TestMiddleware: each call passes each middleware once, the first outermost; streaming calls and the
// fallback too.
func TestMiddleware(t *testing.T) {
	var (
		mu    sync.Mutex
		trace []string
	)
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		trace = append(trace, fmt.Sprintf(format, args...))
	}
	wrap := func(name string) func(Handler) Handler {
		return func(next Handler) Handler {
			return HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
				note("%s %s", name, req.Method)
				if req.Metadata.Get("deny") == name {
					return nil, PermissionDenied
				}
				return next.ServeCall(ctx, req)
			})
		}
	}
	router := new(Router)
	router.Handle("early", echo)
	router.Use(wrap("a"))
	router.Fallback(named("fallback"))
	router.HandleStream("stream", func(context.Context, *Request, *CallStream) error { note("handler"); return nil })
	Handle(router, "typed", func(context.Context, int) (int, error) { note("handler"); return 1, nil })
	router.Use(wrap("b"))
	c, _ := pair(t, nil, &Config{Router: router})
	for _, test := range []struct {
		method, deny string
		code         Code
		trace        string
	}{
		{"early", "", OK, "a early, b early"},
		{"other", "", OK, "a other, b other"},
		{"typed", "", InvalidArgument, "a typed, b typed"},
		{"typed", "a", PermissionDenied, "a typed"},
		{"stream", "", OK, "a stream, b stream, handler"},
		{"stream", "b", PermissionDenied, "a stream, b stream"},
	} {
		t.Run(test.method+test.deny, func(t *testing.T) {
			mu.Lock()
			trace = nil
			mu.Unlock()
			meta := WithMetadata(Metadata{"deny": {test.deny}})
			var err error
			if test.method == "stream" {
				cs, oerr := c.OpenCall(short(t), test.method, meta)
				must(t, oerr)
				if _, err = cs.Recv(short(t)); CodeOf(err) == Unknown {
					err = nil // io.EOF
				}
			} else {
				_, err = c.Call(short(t), test.method, []byte("\xc1"), meta)
			}
			if CodeOf(err) != test.code {
				t.Errorf("error is %v, want %v", err, test.code)
			}
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(trace, ", "); got != test.trace {
				t.Errorf("trace is %q, want %q", got, test.trace)
			}
		})
	}
}
