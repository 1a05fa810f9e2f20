package conn

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestBrokenLog: of a link that waits for its next carrier nobody reads that its session is lost.
func TestBrokenLog(t *testing.T) {
	a, b := memnet.Pipe()
	served := make(chan *Link, 1)
	go func() {
		s, err := Server(t.Context(), b, &Config{Logger: quiet})
		if err != nil {
			t.Error(err)
		}
		served <- s
	}()
	var text bytes.Buffer
	broken := make(chan struct{})
	c, err := Client(t.Context(), a, &Config{Logger: slog.New(slog.NewTextHandler(&text, nil)), OnBroken: func(*Link, error) { close(broken) }})
	if err != nil {
		t.Fatal(err)
	}
	s := <-served
	c.Start(newTap())
	s.Start(newTap())
	b.Cut()
	<-broken
	if got := text.String(); !strings.Contains(got, "the session waits for another") || strings.Contains(got, "session lost") || !strings.Contains(got, "connection reset") {
		t.Error(got)
	}
	abort(c, s)
}
