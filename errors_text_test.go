package gantline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unicode"
	"unicode/utf8"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// rawLog is a slog.Handler that keeps what is logged as it was given, and escapes nothing.
type rawLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *rawLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *rawLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *rawLog) WithGroup(string) slog.Handler            { return l }
func (l *rawLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" {
			line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// oneLine fails the test unless text is printable and bounded.
func oneLine(t *testing.T, what, text string) {
	t.Helper()
	if len(text) > 2*frame.MaxText || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' }) {
		t.Errorf("%s: %d bytes: %q", what, len(text), text)
	}
	for _, doubled := range []string{"refused: refused", "closed: closed", "session lost: session lost", "not found: not found"} {
		if strings.Contains(text, doubled) {
			t.Errorf("%s: %s", what, text)
		}
	}
}

// TestPeersTexts: what a peer says is printed in one line, bounded and without control characters, whichever way it comes.
func TestPeersTexts(t *testing.T) {
	for _, text := range []string{
		"plain", "line\nline", "\x1b[31mred\x1b[0m", "bad \xff\xfe utf", "back\u202ewards",
		strings.Repeat("\a", 2048), strings.Repeat("x", 2048), strings.Repeat("日\n", 700),
	} {
		name := fmt.Sprintf("%.16q", text)
		reason := &Error{Code: NotFound, Message: text}
		method := text[:min(len(text), frame.MaxName)]
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				said := map[string]error{}
				logs := new(rawLog)
				log := slog.New(logs)
				c, s := pair(t, &Config{Logger: log}, &Config{Logger: log})
				s.Handle("fail", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return nil, reason }))
				s.Handle("nested", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
					return FromContext(ctx).Call(ctx, "inner", nil)
				}))
				c.Handle("inner", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return nil, fmt.Errorf("x: %w", reason) }))
				s.HandleStream("stream", func(context.Context, *Request, *CallStream) error { return reason })
				s.Fallback(HandlerFunc(func(context.Context, *Request) ([]byte, error) { panic("a\tb") }))
				s.Subscribe("t", func(context.Context, *Message) error { return reason })
				said["answer"] = second(c.Call(t.Context(), "fail", nil))
				said["nested answer"] = second(c.Call(t.Context(), "nested", nil))
				said["unknown method"] = second(c.Call(t.Context(), "x"+method[:len(method)-1], nil))
				must(t, c.Notify(t.Context(), "x"+method[:len(method)-1], nil))
				cs, err := c.OpenCall(t.Context(), "stream")
				must(t, err)
				said["streaming answer"] = second(cs.Recv(t.Context()))
				said["nack"] = c.Publish(t.Context(), "t", nil)
				st, err := c.OpenStream(t.Context(), WithName(method))
				must(t, err)
				_, err = st.Write([]byte("x"))
				must(t, err)
				peer, err := s.AcceptStream(t.Context())
				must(t, err)
				must(t, peer.Reset(reason))
				said["reset"] = second(st.Read(make([]byte, 1)))
				s.session().Mux.Drain(frame.Drain{Code: Unavailable, Text: text, Addr: ""})
				synctest.Wait()
				said["drain"] = second(c.OpenStream(t.Context()))
				said["drain, call"] = second(c.Call(t.Context(), "fail", nil))
				call := c.Go(t.Context(), "fail", nil)
				_ = s.session().Link.Close(t.Context(), Aborted, text)
				<-c.Context().Done()
				said["bye"] = context.Cause(c.Context())
				said["bye, read"] = second(c.Read(make([]byte, 1)))
				said["bye, call"] = second(call.Wait(t.Context()))
				said["bye, late"] = second(c.Call(t.Context(), "fail", nil))
				said["bye, close"] = &conn.UnconfirmedError{Err: context.Cause(c.Context())}

				for name, setup := range map[string]error{"refused": reason, "refused as it is": &conn.RefusedError{Code: NotFound, Text: text}} {
					a, b := memnet.Pipe()
					there := make(chan error, 1)
					go func() {
						_, err := Server(t.Context(), b, &Config{Logger: log, Setup: func(*End) error { return setup }})
						there <- err
					}()
					_, err = Client(t.Context(), a, &Config{Logger: log})
					said[name], said[name+", there"] = err, <-there
					var refused *conn.RefusedError
					if !errors.As(err, &refused) || !strings.HasPrefix(text, strings.TrimSuffix(refused.Text, "...")) {
						t.Errorf("%s: the text did not arrive as it was: %v", name, err)
					}
				}
				for name, err := range said {
					if err == nil {
						t.Errorf("%s: no error", name)
						continue
					}
					oneLine(t, name, err.Error())
					if text == "plain" && !strings.HasPrefix(name, "bye, late") && name != "unknown method" && !strings.Contains(err.Error(), text) {
						t.Errorf("%s does not say it: %v", name, err)
					}
				}
				synctest.Wait()
				logs.mu.Lock()
				defer logs.mu.Unlock()
				if len(logs.lines) < 3 {
					t.Errorf("logged only %q", logs.lines)
				}
				for _, line := range logs.lines {
					oneLine(t, "log", strings.ReplaceAll(line, "a\tb", "")) // the application's own
				}
			})
		})
	}
}

// TestPeersTextsLost: a refusal that ends a session is printed likewise, once.
func TestPeersTextsLost(t *testing.T) {
	for _, text := range []string{"plain", "line\nline\x1b[0m"} {
		bubble(t, func(t *testing.T) {
			h := newTestServer(t, nil)
			c := h.client(nil)
			st, err := c.OpenStream(t.Context())
			must(t, err)
			call := c.Go(t.Context(), "m", nil)
			h.turnAway(&conn.RefusedError{Code: Unauthenticated, Text: text})
			h.stop()
			h.start()
			<-c.Context().Done()
			for name, err := range map[string]error{"read": second(st.Read(make([]byte, 1))), "cause": context.Cause(c.Context()), "call": second(call.Wait(t.Context()))} {
				oneLine(t, name, err.Error())
			}
			if text := context.Cause(c.Context()).Error(); !strings.Contains(text, "plain") && !strings.Contains(text, `"line\nline\x1b[0m"`) {
				t.Error(text)
			}
		})
	}
}

// TestOutcomeText: an unknown outcome reads like one, and not like a bug.
func TestOutcomeText(t *testing.T) {
	c, _ := pair(t, nil, nil)
	for _, test := range []struct {
		err  error
		text string
	}{
		{c.exchangeError(conn.ErrHeartbeat, true, "m"), `gantline: "m": outcome unknown: session lost: the peer did not answer the heartbeat`},
		{c.exchangeError(conn.ErrHeartbeat, false, "m"), `gantline: "m": unavailable: not sent, safe to try again: session lost: the peer did not answer the heartbeat`},
		{knownOf(c.exchangeError(conn.ErrHeartbeat, false, "m"), true), `gantline: "m": outcome unknown: it was sent in a session that is lost`},
		{waitError(ended(context.DeadlineExceeded), true, "m"), `gantline: "m": deadline exceeded: outcome unknown`},
		{waitError(ended(context.Canceled), false, "m"), `gantline: "m": canceled: not sent`},
		{&Error{Code: Unknown, Remote: true, Message: "no"}, `gantline: peer answered unknown error: no`},
		{&StreamError{Code: NotFound, Remote: true, Message: "no such\nfile"}, `gantline: stream reset by the peer: not found: "no such\nfile"`},
		{&conn.ClosedError{Remote: true, Code: Internal, Text: "\x1b[1m"}, `gantline: closed by the peer: internal error: "\x1b[1m"`},
	} {
		if got := test.err.Error(); got != test.text {
			t.Errorf("got  %s\nwant %s", got, test.text)
		}
	}
}

// ended is a context that has ended with err.
func ended(err error) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	if err == context.DeadlineExceeded {
		ctx, cancel = context.WithTimeout(context.Background(), 0)
	}
	cancel()
	return ctx
}
