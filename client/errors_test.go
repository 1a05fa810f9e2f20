package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/server"
)

// TestDialCodes: what Dial returns has one code, that of the first server which said one; the reasons are all found.
func TestDialCodes(t *testing.T) {
	n := network{}
	for name, code := range map[string]gantline.Code{"full": gantline.ResourceExhausted, "strict": gantline.Unauthenticated} {
		n.listen(t, name, server.WithConfig(gantline.Config{Setup: func(*gantline.End) error { return code }}))
	}
	n.listen(t, "moved", server.WithConfig(gantline.Config{Setup: func(*gantline.End) error {
		return &conn.RefusedError{Code: gantline.Unavailable, Addr: "a\nb\x1b[31m", Text: "line\nline"}
	}}))
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		return a, nil
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended, end := context.WithCancel(t.Context())
	end()
	for name, c := range map[string]struct {
		ctx     context.Context
		dial    func(context.Context, string, string) (net.Conn, error)
		addrs   []string
		code    gantline.Code
		is      error
		refused bool
	}{
		"unreachable":           {t.Context(), n.dial, []string{"down"}, gantline.Unknown, errUnreachable, false},
		"refused":               {t.Context(), n.dial, []string{"full"}, gantline.ResourceExhausted, nil, true},
		"unreachable, refused":  {t.Context(), n.dial, []string{"down", "strict", "full"}, gantline.Unauthenticated, errUnreachable, true},
		"sent elsewhere":        {t.Context(), n.dial, []string{"moved"}, gantline.Unavailable, errUnreachable, true},
		"context's deadline":    {short, silent, []string{"silent"}, gantline.DeadlineExceeded, context.DeadlineExceeded, false},
		"context ended":         {ended, n.dial, []string{"full"}, gantline.Canceled, context.Canceled, false},
		"no connection, no err": {t.Context(), func(context.Context, string, string) (net.Conn, error) { return nil, nil }, []string{"x"}, gantline.Unknown, nil, false},
		"network not known":     {t.Context(), nil, []string{"x"}, gantline.InvalidArgument, nil, false},
	} {
		opts := []client.Option{client.WithAddrs(c.addrs[1:]...)}
		if c.dial != nil {
			opts = append(opts, client.WithDialFunc(c.dial))
		}
		_, err := client.Dial(c.ctx, "mem", c.addrs[0], opts...)
		if got := gantline.CodeOf(err); err == nil || got != c.code {
			t.Errorf("%s: the code is %v, want %v: %v", name, got.Name(), c.code.Name(), err)
			continue
		}
		for code := gantline.OK; code <= gantline.Unauthenticated; code++ {
			if errors.Is(err, code) != (code == c.code) {
				t.Errorf("%s: errors.Is(err, %v) = %v: %v", name, code.Name(), code != c.code, err)
			}
		}
		var refused *conn.RefusedError
		if c.is != nil && !errors.Is(err, c.is) || errors.As(err, &refused) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
		if text := err.Error(); strings.ContainsFunc(text, unicode.IsControl) || strings.Count(text, "refused: refused") > 0 {
			t.Errorf("%s: %q", name, text)
		}
	}
}
