package promise

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
)

// firstWords are what a fresh peer may do first, before anything else has passed.
var firstWords = []struct {
	name string
	say  func(ctx context.Context, end *gantline.End) error
}{
	{"call", func(ctx context.Context, end *gantline.End) error {
		got, err := end.Call(ctx, "echo", []byte("first"))
		if err == nil && !bytes.Equal(got, []byte("first")) {
			return gantline.DataLoss
		}
		return err
	}},
	{"message", func(ctx context.Context, end *gantline.End) error {
		return end.Publish(ctx, "first.message", []byte("first"))
	}},
}

// welcoming registers what the first words need.
func welcoming(end *gantline.End) error {
	end.Handle("echo", gantline.HandlerFunc(echo))
	end.Subscribe("first.*", func(_ context.Context, m *gantline.Message) error {
		if string(m.Body) != "first" {
			return gantline.DataLoss
		}
		return nil
	})
	return nil
}

// TestFirstWords: handlers registered in Setup serve the very first call and message of a fresh peer. Whichever
// side speaks, this holds every time.
func TestFirstWords(t *testing.T) {
	for _, word := range firstWords {
		for _, speaker := range []string{"client", "server"} {
			t.Run(word.name+" of the "+speaker, func(t *testing.T) {
				watchdog(t, time.Minute+freshPeers*100*time.Millisecond)
				cfg := gantline.Config{Setup: welcoming, Logger: quiet}
				l := listen(t, cfg)
				said := make(chan error, 1)
				lost := 0
				start := time.Now()
				for range freshPeers {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					go func() { // accepts, and speaks if it is the server's turn
						s, err := l.AcceptEnd(ctx)
						if err == nil && speaker == "server" {
							err = word.say(ctx, s)
						}
						said <- err
					}()
					c, err := client.Dial(ctx, "tcp", l.Addr().String(), client.WithConfig(cfg))
					if err == nil && speaker == "client" {
						err = word.say(ctx, c)
					}
					if serr := <-said; err == nil {
						err = serr
					}
					if err != nil {
						if lost++; lost <= 3 {
							t.Errorf("lost: %v", err)
						}
					}
					if c != nil {
						if err := c.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
					}
					cancel()
				}
				t.Logf("%d of %d lost, %v per connection", lost, freshPeers, time.Since(start)/freshPeers)
			})
		}
	}
}

// TestSetupRefuses: an error of Setup reaches the peer with its code and text.
func TestSetupRefuses(t *testing.T) {
	watchdog(t, time.Minute)
	l := listen(t, gantline.Config{Setup: func(*gantline.End) error {
		return &gantline.Error{Code: gantline.PermissionDenied, Message: "not today"}
	}})
	end, err := client.Dial(t.Context(), "tcp", l.Addr().String(), client.WithConfig(gantline.Config{Logger: quiet}))
	if err == nil {
		_ = end.Close()
		t.Fatal("a refused peer got an End")
	}
	if gantline.CodeOf(err) != gantline.PermissionDenied || !bytes.Contains([]byte(err.Error()), []byte("not today")) {
		t.Errorf("dial: %v (%v)", err, gantline.CodeOf(err))
	}
	t.Log(err)
}
