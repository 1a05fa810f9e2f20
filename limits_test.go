package gantline

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimitsDefaults(t *testing.T) {
	def := Limits{}.withDefaults()
	if def.Streams != 1024 || def.Calls != 1024 || def.Messages != 1024 || def.AcceptBacklog != 256 || def.Body != 4<<20 ||
		def.Frame != 64<<10 || def.Log != 512<<10 || def.Window != 256<<10 || def.MaxWindow != 16<<20 || def.OpenTimeout != 10*time.Second {
		t.Errorf("defaults are %+v", def)
	}
	if negative := (Limits{Streams: -1, Calls: -1, Messages: -1, AcceptBacklog: -1, Body: -1, OpenTimeout: -1}).withDefaults(); negative != def {
		t.Errorf("negative ones become %+v", negative)
	}
	if err := def.wire().Validate(); err != nil {
		t.Error(err)
	}
	big := Limits{Body: 64 << 20, Frame: 1 << 20}.withDefaults()
	if big.BodyMemory < big.Body || big.Log < big.Frame {
		t.Errorf("a body or frame does not fit its memory: %+v", big)
	}
}

// TestLimitsHoldOpenersBack: openers wait at a limit, go on when there is room, and give up with an error that
// says why.
func TestLimitsHoldOpenersBack(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits Limits
		free   func(t *testing.T, s *End, first *Stream)
		text   string
	}{
		{"backlog", Limits{AcceptBacklog: 2}, func(t *testing.T, s *End, _ *Stream) {
			_, err := s.AcceptStream(t.Context())
			must(t, err)
		}, "accepted"},
		{"streams", Limits{Streams: 2}, func(t *testing.T, s *End, first *Stream) {
			st, err := s.AcceptStream(t.Context())
			must(t, err)
			must(t, first.Close())
			must(t, st.Close())
		}, "open"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, s := pair(t, nil, &Config{Limits: test.limits})
				first, err := c.OpenStream(t.Context())
				must(t, err)
				_, err = c.OpenStream(t.Context())
				must(t, err)

				start := time.Now()
				_, err = c.OpenStream(t.Context())
				want(t, err, ResourceExhausted)
				if time.Since(start) != 10*time.Second || !strings.Contains(err.Error(), test.text) {
					t.Errorf("gave up after %v with %v", time.Since(start), err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = c.OpenStream(ctx)
				want(t, err, context.DeadlineExceeded)

				opened := make(chan error, 1)
				go func() { _, err := c.OpenStream(t.Context()); opened <- err }()
				synctest.Wait()
				test.free(t, s, first)
				must(t, <-opened)
			})
		})
	}
}

func TestRepanic(t *testing.T) {
	var log lockedBuffer
	_, s := pair(t, nil, &Config{Repanic: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer func() {
		if v := recover(); v != "boom" || !strings.Contains(log.String(), "boom") {
			t.Errorf("panic value is %v, log %q", v, log.String())
		}
	}()
	_ = s.recovered("handler", "m", "boom")
}
