package main

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// report prints the table and the verdict, and returns the exit status.
func (d *demo) report(w io.Writer, err error) int {
	s, c := &d.server, &d.client
	var wrong []string
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	wrong = append(append(wrong, s.wrong...), c.wrong...)
	if err == nil {
		if d.pulled.Load() != d.pushed.Load() || !bytes.Equal(d.pushedSum, d.pulledSum) {
			wrong = append(wrong, fmt.Sprintf("file: pushed %d bytes with SHA-256 %x, received %d with %x", d.pushed.Load(), d.pushedSum, d.pulled.Load(), d.pulledSum))
		}
		wrong = append(wrong, compare(s, c)...)
		wrong = append(wrong, compare(c, s)...)
	}
	secs := d.took.Seconds()
	rate := "-"
	if secs > 0 {
		rate = fmt.Sprintf("%.1f MiB/s", float64(d.pulled.Load())/(1<<20)/secs)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nwhat\tsent\tarrived right\tnote\n")
	fmt.Fprintf(t, "file, server -> client\t%d bytes\t%d bytes\t%s in %.1f s\n", d.pushed.Load(), d.pulled.Load(), rate, secs)
	if len(d.pulledSum) > 0 {
		fmt.Fprintf(t, "SHA-256\t%.8x...\t%.8x...\t\n", d.pushedSum, d.pulledSum)
	}
	for _, p := range []struct{ from, to *peer }{{s, c}, {c, s}} {
		fmt.Fprintf(t, "calls, %s -> %s\t%d\t%d\t%d run\n", p.from.name, p.to.name, p.from.calls.Load(), p.from.answered.Load(), p.to.executed.Load())
		fmt.Fprintf(t, "messages, %s -> %s\t%d\t%d\t%d acked\n", p.from.name, p.to.name, p.from.sent.Load(), p.to.got.Load(), p.from.acked.Load())
	}
	fmt.Fprintf(t, "cuts\t%d\t\t%s\n", d.cable.cuts.Load(), d.resumed())
	t.Flush()
	if len(wrong) == 0 {
		fmt.Fprintln(w, "\nverdict: ok")
		return 0
	}
	fmt.Fprintln(w, "\nverdict: wrong")
	for _, x := range wrong {
		fmt.Fprintf(w, "  - %s\n", x)
	}
	return 1
}

// compare lists where what from did and what to saw differ.
func compare(from, to *peer) (wrong []string) {
	check := func(what string, want, got int64) {
		if want != got {
			wrong = append(wrong, fmt.Sprintf("%s -> %s: %s: %d, not %d", from.name, to.name, what, got, want))
		}
	}
	check("calls rightly answered", from.calls.Load(), from.answered.Load())
	check("calls run", from.calls.Load(), to.executed.Load())
	check("messages acked", from.sent.Load(), from.acked.Load())
	check("messages received", from.sent.Load(), to.got.Load())
	return wrong
}
