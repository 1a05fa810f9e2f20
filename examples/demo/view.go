package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gantline-project/gantline"
)

// view shows the run in progress: a live screen on a terminal, else one line a second.
type view struct {
	w     io.Writer
	d     *demo
	live  bool
	plain bool // no colours
	lines int  // of the screen drawn last
	stop  chan struct{}
	wg    sync.WaitGroup
}

func newView(w io.Writer, d *demo) *view {
	return &view{w: w, d: d, live: isTerminal(w), plain: os.Getenv("NO_COLOR") != "", stop: make(chan struct{})}
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
		v.draw(float64(v.d.pulled.Load()) / max(v.d.took.Seconds(), 0.001)) // on average
	}
}

func (v *view) draw(rate float64) {
	s := v.d.now()
	if !v.live {
		fmt.Fprintf(v.w, "%5.1fs  file %3.0f%% %5.1f MiB/s  client %-6s  server %-6s  cuts %d  resumed %d  killed %d  answered %d+%d  acked %d+%d  duplicates %d\n",
			s.elapsed, 100*s.part, rate/(1<<20), s.clientState, s.serverState, s.cuts, s.client.Resumes, s.kills,
			s.client.Right, s.server.Right, s.client.Acked, s.server.Acked, s.client.GotAgain+s.server.GotAgain)
		return
	}
	const width = 40
	full := min(width, int(s.part*width))
	var b bytes.Buffer
	fmt.Fprintf(&b, "gantline demo   %s, %.1f s\n\n", v.d.source, s.elapsed)
	fmt.Fprintf(&b, "  client  %s  resumed %s, %s\n", v.state(s.clientState), times(s.client.Resumes), sessions(s.fresh))
	fmt.Fprintf(&b, "  server  %s  %s\n", v.state(s.serverState), s.process())
	fmt.Fprintf(&b, "  cable   cut %s, %.1f KiB sent again\n\n", times(s.cuts), kib(s.client, s.server))
	fmt.Fprintf(&b, "  file    [%s%s] %5.1f %%  %6.1f MiB/s\n\n", strings.Repeat("█", full), strings.Repeat("·", width-full), 100*s.part, rate/(1<<20))
	fmt.Fprintf(&b, "  %-26s %9s %9s %11s\n", "", "begun", "arrived", "duplicates")
	for _, r := range rows(s.client, s.server) {
		fmt.Fprintf(&b, "  %-26s %9d %9d %11d   %s\n", r.what, r.begun, r.arrived, r.twice, r.note)
	}
	var out bytes.Buffer
	if v.lines > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", v.lines)
	}
	v.lines = bytes.Count(b.Bytes(), []byte("\n"))
	for line := range strings.Lines(b.String()) {
		out.WriteString("\x1b[2K" + line)
	}
	_, _ = v.w.Write(out.Bytes()) // a screen that cannot be drawn is no reason to stop
}

// state is a state in its colour, as wide as the widest.
func (v *view) state(s string) string {
	colour := 33 // yellow: on its way back
	switch s {
	case gantline.StateUp.String():
		colour = 32
	case killed:
		colour = 31
	case gantline.StateClosed.String():
		colour = 0
	}
	text := fmt.Sprintf("%-10s", s)
	if v.plain {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, text)
}

// snapshot is the state of the run.
type snapshot struct {
	elapsed, part            float64
	clientState, serverState string
	client, server           tallies
	cuts                     int64
	fresh, pid, kills        int
}

const killed = "killed"

func (d *demo) now() snapshot {
	d.client.mu.Lock()
	state, fresh := d.client.state, d.client.fresh
	d.client.mu.Unlock()
	st, pid, kills := d.proc.now()
	s := snapshot{elapsed: time.Since(d.start).Seconds(), part: 1, clientState: state.String(), serverState: st.State,
		client: d.client.sums(), server: st.tallies, cuts: d.cable.cuts.Load(), fresh: fresh, pid: pid, kills: kills}
	switch {
	case d.over.Load():
		s.elapsed, s.serverState, s.server = d.took.Seconds(), gantline.StateClosed.String(), d.books.sums()
	case pid == 0:
		s.serverState = killed
	}
	if d.size > 0 {
		s.part = float64(d.pulled.Load()) / float64(d.size)
	}
	return s
}

func sessions(fresh int) string {
	switch fresh {
	case 0:
		return "one session"
	case 1:
		return "1 fresh session"
	}
	return fmt.Sprintf("%d fresh sessions", fresh)
}

// process says which one is the server.
func (s *snapshot) process() string {
	text := "killed " + times(int64(s.kills))
	if s.kills == 0 {
		text = "never killed"
	}
	if s.pid > 0 {
		text += fmt.Sprintf(", now process %d", s.pid)
	}
	return text
}
