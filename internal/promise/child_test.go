package promise

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
)

// childBytes is what a child writes in all.
const childBytes = 200 * kib

// childSpec is "address streams": a child dials the address and spreads what it writes over that many streams.
func childSpec(addr string, streams int) string { return fmt.Sprintf("%s %d", addr, streams) }

// child is the whole life of the writing process. It prints how long End.Close took, in nanoseconds, and
// returns as soon as that returned nil; its caller exits at once.
func child(spec string) error {
	var streams int
	addr, rest, _ := strings.Cut(spec, " ")
	if _, err := fmt.Sscan(rest, &streams); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	end, err := client.Dial(ctx, "tcp", addr, client.WithConfig(gantline.Config{}))
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	for i := range streams {
		st, err := end.OpenStream(ctx)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		if _, err := st.Write(pattern(childBytes/streams, uint64(i))); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := st.Close(); err != nil {
			return fmt.Errorf("close of the stream: %w", err)
		}
	}
	start := time.Now()
	if err := end.Close(); err != nil {
		return fmt.Errorf("close of the End: %w", err)
	}
	took := time.Since(start)
	_, err = fmt.Fprintln(os.Stdout, took.Nanoseconds())
	return err
}
