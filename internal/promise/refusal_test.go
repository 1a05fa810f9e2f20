package promise

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// TestRefusedCalls: a call that the peer refuses fails with the documented code and names the limit. The
// connection stays as it was.
func TestRefusedCalls(t *testing.T) {
	cfg := gantline.Config{Limits: gantline.Limits{Body: 100 * kib}}
	both(t, time.Minute, cfg, cfg, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		far.Handle("large", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
			return make([]byte, 100*kib+1), nil
		}))
		far.HandleStream("streaming", func(context.Context, *gantline.Request, *gantline.CallStream) error { return nil })
		call := func(method string, n int) func() error {
			return func() error {
				_, err := near.Call(t.Context(), method, make([]byte, n))
				return err
			}
		}
		for _, tc := range []struct {
			name   string
			do     func() error
			code   gantline.Code
			remote bool
			text   string
		}{
			{"unknown method", call("nobody.has.this", 1), gantline.Unimplemented, true, ""},
			{"call of a streaming method", call("streaming", 1), gantline.Unimplemented, true, "OpenCall"},
			{"body over the limit", call("echo", 100*kib+1), gantline.ResourceExhausted, false, "102400"},
			{"answer over the limit", call("large", 1), gantline.ResourceExhausted, true, "102400"},
			{"message over the limit", func() error {
				return near.Publish(t.Context(), "x", make([]byte, 100*kib+1))
			}, gantline.ResourceExhausted, false, "102400"},
			{"unknown streaming method", func() error {
				cs, err := near.OpenCall(t.Context(), "nobody.has.this")
				if err == nil {
					_, err = cs.Recv(t.Context())
				}
				return err
			}, gantline.Unimplemented, true, ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				for range 20 {
					err := tc.do()
					var e *gantline.Error
					if !errors.As(err, &e) || !errors.Is(err, tc.code) || gantline.CodeOf(err) != tc.code || e.Remote != tc.remote {
						t.Fatalf("got %v, want an *Error with code %v, remote %v", err, tc.code, tc.remote)
					}
					if !strings.Contains(err.Error(), tc.text) || strings.Count(err.Error(), "gantline: ") != 1 {
						t.Fatalf("text %q", err)
					}
				}
				t.Log(tc.do())
				healthy(t, near, far)
			})
		}
		got, err := near.Call(t.Context(), "echo", make([]byte, 100*kib))
		if err != nil || len(got) != 100*kib {
			t.Errorf("a body of just the limit: %d bytes, %v", len(got), err)
		}
	})
}

// TestRefusedStream: an error of OnStream reaches the opener with its code and text. That happens at its first
// Read and Write, and only that stream is lost.
func TestRefusedStream(t *testing.T) {
	cfg := gantline.Config{OnStream: func(st *gantline.Stream) error {
		if st.Name() == "forbidden" {
			return &gantline.Error{Code: gantline.PermissionDenied, Message: "not this one"}
		}
		return nil
	}}
	both(t, time.Minute, cfg, cfg, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		for range 20 {
			st, err := near.OpenStream(t.Context(), gantline.WithName("forbidden"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = st.Read(make([]byte, 1))
			var se *gantline.StreamError
			if !errors.As(err, &se) || se.Code != gantline.PermissionDenied || se.Message != "not this one" || !se.Remote {
				t.Fatalf("Read: %v", err)
			}
			if _, err := st.Write([]byte("x")); !errors.As(err, &se) || gantline.CodeOf(err) != gantline.PermissionDenied {
				t.Fatalf("Write: %v", err)
			}
			_ = st.Close()
			healthy(t, near, far)
		}
	})
}

// TestFullBacklog: opening waits while the peer's backlog is full of streams it has not accepted. It fails with
// ResourceExhausted after Limits.OpenTimeout or with ctx, and continues as soon as one is accepted.
func TestFullBacklog(t *testing.T) {
	const backlog = 4
	cfg := gantline.Config{Limits: gantline.Limits{AcceptBacklog: backlog, OpenTimeout: 50 * time.Millisecond}}
	both(t, time.Minute, cfg, cfg, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		open := func(ctx context.Context) error {
			st, err := near.OpenStream(ctx, gantline.WithName("waiting"))
			if err == nil {
				t.Cleanup(func() { _ = st.Close() })
			}
			return err
		}
		for i := range backlog {
			if err := open(t.Context()); err != nil {
				t.Fatalf("stream %d: %v", i, err)
			}
		}
		start := time.Now()
		err := open(t.Context())
		if !errors.Is(err, gantline.ResourceExhausted) {
			t.Errorf("open over the backlog: %v", err)
		}
		t.Logf("after %v: %v", time.Since(start).Round(time.Millisecond), err)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if err := open(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open over the backlog with a deadline: %v", err)
		}
		if got, err := near.Call(t.Context(), "echo", []byte("x")); err != nil || string(got) != "x" {
			t.Errorf("call beside a full backlog: %q, %v", got, err)
		}
		for range backlog {
			st, err := far.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
		}
		healthy(t, near, far)
	})
}

// TestFullStreams: opening waits while the peer's Limits.Streams are open and continues when one ends.
func TestFullStreams(t *testing.T) {
	cfg := gantline.Config{Limits: gantline.Limits{Streams: 3}}
	both(t, time.Minute, cfg, cfg, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		var ours, theirs []*gantline.Stream
		for range 3 {
			st, err := near.OpenStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			peer, err := far.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs = append(ours, st), append(theirs, peer)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := near.OpenStream(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a stream too many: %v", err)
		}
		for i := range ours {
			_ = ours[i].Close()
			_ = theirs[i].Close()
		}
		healthy(t, near, far)
	})
}

// TestBacklogCountsClosedStreams: streams that were written, closed and never accepted still count in the
// backlog. So an opener cannot fill the acceptor's memory, and nothing of them is lost.
func TestBacklogCountsClosedStreams(t *testing.T) {
	const backlog = 8
	cfg := gantline.Config{Limits: gantline.Limits{AcceptBacklog: backlog, OpenTimeout: 20 * time.Millisecond}}
	both(t, time.Minute, cfg, cfg, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		n := 0
		for ; n < 10*backlog; n++ {
			st, err := near.OpenStream(t.Context())
			if err != nil {
				if !errors.Is(err, gantline.ResourceExhausted) {
					t.Errorf("stream %d: %v", n, err)
				}
				break
			}
			if _, err := st.Write([]byte{byte(n)}); err != nil {
				t.Fatal(err)
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			// The answer to a call made after it: what the peer says about the stream has arrived.
			if _, err := near.Call(t.Context(), "echo", nil); err != nil {
				t.Fatal(err)
			}
		}
		if n > backlog {
			t.Errorf("%d streams wait to be accepted, the limit is %d", n, backlog)
		}
		for i := range n {
			st, err := far.AcceptStream(t.Context())
			if err != nil {
				t.Fatalf("accept %d of %d: %v", i, n, err)
			}
			if got, err := io.ReadAll(st); err != nil || len(got) != 1 || got[0] != byte(i) {
				t.Errorf("stream %d: % x, %v", i, got, err)
			}
			_ = st.Close()
		}
		healthy(t, near, far)
	})
}
