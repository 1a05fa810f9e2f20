package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// view shows the run while it goes: a live screen on a terminal, else one line a second.
type view struct {
	w     io.Writer
	d     *demo
	live  bool
	lines int // of the screen drawn last
	stop  chan struct{}
	wg    sync.WaitGroup
}

func newView(w io.Writer, d *demo) *view {
	return &view{w: w, d: d, live: isTerminal(w), stop: make(chan struct{})}
}

// isTerminal reports whether w can be redrawn.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// start draws until close.
func (v *view) start(ctx context.Context) {
	every := time.Second
	if v.live {
		every = 200 * time.Millisecond
	}
	v.wg.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		last, at := int64(0), time.Now()
		for {
			select {
			case now := <-t.C:
				n := v.d.pulled.Load()
				v.draw(float64(n-last) / now.Sub(at).Seconds())
				last, at = n, now
			case <-v.stop:
				return
			case <-ctx.Done():
				return
			}
		}
	})
}

func (v *view) close() {
	close(v.stop)
	v.wg.Wait()
	if v.live && v.lines > 0 {
		v.draw(0)
	}
}

func (v *view) draw(rate float64) {
	d, el := v.d, time.Since(v.d.start).Seconds()
	got, part := d.pulled.Load(), 1.0
	if d.src.size > 0 {
		part = float64(got) / float64(d.src.size)
	}
	if !v.live {
		fmt.Fprintf(v.w, "%4.0fs  file %3.0f%% %6.1f MiB/s  calls %d/%d  messages %d/%d  cuts %d  %s\n", el, 100*part, rate/(1<<20),
			d.server.answered.Load(), d.client.answered.Load(), d.server.acked.Load(), d.client.acked.Load(), d.cable.cuts.Load(), d.state())
		return
	}
	const width = 40
	full := min(width, int(part*width))
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.lines)
	}
	rows := []string{
		fmt.Sprintf("gantline demo   %-10s %6.1f s   %s", d.state(), el, d.src.name),
		fmt.Sprintf("file  [%s%s] %5.1f %%  %7.1f MiB/s", strings.Repeat("█", full), strings.Repeat("·", width-full), 100*part, rate/(1<<20)),
		fmt.Sprintf("calls     server -> client %8d    client -> server %8d", d.server.answered.Load(), d.client.answered.Load()),
		fmt.Sprintf("messages  server -> client %8d    client -> server %8d", d.server.acked.Load(), d.client.acked.Load()),
		fmt.Sprintf("cable     cut %d times, %s", d.cable.cuts.Load(), d.resumed()),
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "\x1b[2K%s\n", r)
	}
	v.lines = len(rows)
	io.WriteString(v.w, b.String())
}

// resumed sums up what both sides did about the cuts.
func (d *demo) resumed() string {
	s, c := d.server.end.Load(), d.client.end.Load()
	if s == nil || c == nil {
		return "not connected yet"
	}
	sl, cl := s.Stats().Link, c.Stats().Link
	return fmt.Sprintf("resumed %d times, %.1f KiB sent again", cl.Resumes, float64(sl.Replayed+cl.Replayed)/1024)
}

// state is the client's, once there is one.
func (d *demo) state() string {
	if e := d.client.end.Load(); e != nil {
		return e.State().String()
	}
	return "connecting"
}
