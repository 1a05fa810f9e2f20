package promise

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// TestAcceptorWritesFirst: the acceptor may write first, on a new stream and on a new connection. Every
// greeting arrives although the opener has not written a byte.
func TestAcceptorWritesFirst(t *testing.T) {
	const limit = time.Minute + greetings*time.Millisecond
	both(t, limit, gantline.Config{}, gantline.Config{}, func(t *testing.T, opener, acceptor *gantline.End) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		greeted := make(chan error, 1)
		go func() { greeted <- greet(ctx, acceptor, greetings/2) }()
		lost := 0
		window := make(chan *gantline.Stream, 64) // many streams at a time, in order
		opened := make(chan error, 1)
		go func() {
			defer close(window)
			for range greetings / 2 {
				st, err := opener.OpenStream(ctx)
				if err != nil {
					opened <- err
					return
				}
				window <- st
			}
			opened <- nil
		}()
		n := uint64(0)
		for st := range window {
			if err := hear(st, n); err != nil {
				lost++
				if lost < 4 {
					t.Errorf("greeting %d: %v", n, err)
				}
			}
			n++
		}
		if err := <-opened; err != nil {
			t.Errorf("open: %v", err)
		}
		if err := <-greeted; err != nil {
			t.Errorf("greet: %v", err)
		}
		t.Logf("%d of %d greetings lost", lost, n)
		if n != greetings/2 {
			t.Errorf("%d streams, want %d", n, greetings/2)
		}
	})
}

// greet accepts n streams and writes the number of each as its first bytes, then closes it.
func greet(ctx context.Context, acceptor *gantline.End, n int) error {
	for i := range uint64(n) {
		st, err := acceptor.AcceptStream(ctx)
		if err != nil {
			return fmt.Errorf("accept %d: %w", i, err)
		}
		if _, err := st.Write(binary.BigEndian.AppendUint64(nil, i)); err != nil {
			return fmt.Errorf("write %d: %w", i, err)
		}
		if err := st.Close(); err != nil {
			return fmt.Errorf("close %d: %w", i, err)
		}
	}
	return nil
}

// hear reads greeting n and nothing else from st.
func hear(st *gantline.Stream, n uint64) error {
	defer st.Close()
	got, err := io.ReadAll(st)
	if err != nil {
		return err
	}
	if len(got) != 8 || binary.BigEndian.Uint64(got) != n {
		return fmt.Errorf("got % x", got)
	}
	return nil
}

// TestAcceptedEndWritesFirst: the same on the Ends themselves.
func TestAcceptedEndWritesFirst(t *testing.T) {
	watchdog(t, time.Minute+greetingEnds*50*time.Millisecond)
	l := listen(t, gantline.Config{})
	lost := 0
	for i := range uint64(greetingEnds) {
		c, s := dial(t, l, gantline.Config{})
		_, err := s.Write(binary.BigEndian.AppendUint64(nil, i))
		if err == nil {
			err = s.CloseWrite()
		}
		if err == nil {
			err = hear(c.Stream, i)
		}
		if err != nil {
			lost++
			t.Errorf("greeting %d: %v", i, err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("close %d: %v", i, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close %d: %v", i, err)
		}
	}
	t.Logf("%d of %d greetings lost", lost, greetingEnds)
}
