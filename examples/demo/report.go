package main

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// report prints the table and the verdict, and returns the exit status.
func (d *demo) report(w io.Writer, err error) int {
	var wrong []string
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	wrong = append(append(wrong, d.client.complaints()...), d.server.Wrong...)
	if err == nil {
		wrong = append(wrong, d.check()...)
	}
	fmt.Fprintln(w)
	if err == nil {
		d.table(w)
	}
	if len(wrong) == 0 {
		fmt.Fprintln(w, "\nverdict: ok, every byte, call and message as counted by the side that received it")
		return 0
	}
	fmt.Fprintln(w, "\nverdict: wrong")
	for _, x := range wrong {
		fmt.Fprintf(w, "  - %s\n", x)
	}
	return 1
}

// table sums up the run.
func (d *demo) table(w io.Writer) {
	_, _, kills := d.proc.now()
	secs := d.took.Seconds()
	rate := "-"
	if secs > 0 {
		rate = fmt.Sprintf("%.1f MiB/s", float64(d.pulled.Load())/(1<<20)/secs)
	}
	c, s := d.client.sums(), d.books.sums()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "what\tbegun\tarrived\tduplicates\t\n")
	fmt.Fprintf(t, "file, server -> client\t%d B\t%d B\t\t%s in %.1f s, SHA-256 %.8x\n", d.server.File.Size, d.pulled.Load(), rate, secs, d.sum.Sum(nil))
	for i, r := range rows(c, s) {
		if died := s.Calls - s.Right - s.Unknown - s.Unsent; i == serverCalls && died > 0 {
			r.note += fmt.Sprintf(", %d died with the process that made them", died)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", r.what, r.begun, r.arrived, r.twice, r.note)
	}
	t.Flush()
	fmt.Fprintf(w, "\nthe cable was cut %s, the session resumed %s, %.1f KiB were sent again\n", times(d.cable.cuts.Load()), times(c.Resumes), kib(c, s))
	if kills > 0 {
		fmt.Fprintf(w, "the server was killed %s: the file's stream ended with ErrSessionLost and was opened again %s\n", times(int64(kills)), times(d.lost.Load()))
	}
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func kib(c, s tallies) float64 { return float64(c.Replayed+s.Replayed) / 1024 }

// row is one kind of thing in one direction.
type row struct {
	what                  string
	begun, arrived, twice int64
	note                  string
}

const serverCalls = 2 // among rows: calls, server -> client

// rows are what both sides have counted.
func rows(c, s tallies) (rows []row) {
	for _, x := range []struct {
		way      string
		from, to tallies
	}{{"client -> server", c, s}, {"server -> client", s, c}} {
		note := fmt.Sprintf("%d answered", x.from.Right)
		if n := x.from.Unknown; n > 0 {
			note += fmt.Sprintf(", %d of unknown outcome", n)
		}
		if n := x.from.Unsent; n > 0 {
			note += fmt.Sprintf(", %d not sent", n)
		}
		if n := x.to.RanAgain; n > 0 {
			note += fmt.Sprintf(", %d idempotent ones run again", n)
		}
		rows = append(rows, row{"calls, " + x.way, x.from.Calls, x.to.Ran - x.to.RanAgain - x.to.RanTwice, x.to.RanTwice, note})
		note = fmt.Sprintf("%d acked", x.from.Acked)
		if n := x.to.Dropped; n > 0 {
			note += fmt.Sprintf(", %d copies kept away", n)
		}
		rows = append(rows, row{"messages, " + x.way, x.from.Sent, x.to.Got - x.to.GotAgain, x.to.GotAgain, note})
	}
	return rows
}

// check lists the differences between what one side did and what the other saw. It counts in the ledger of the
// receiving side.
func (d *demo) check() (wrong []string) {
	if d.pulled.Load() != d.server.File.Size || !bytes.Equal(d.sum.Sum(nil), d.server.File.SHA256) {
		wrong = append(wrong, fmt.Sprintf("file: pushed %d bytes with SHA-256 %x, received %d with %x", d.server.File.Size, d.server.File.SHA256, d.pulled.Load(), d.sum.Sum(nil)))
	}
	_, _, kills := d.proc.now()
	wrong = append(wrong, compare("client -> server", d.client.ledger, d.books, kills > 0, false)...)
	return append(wrong, compare("server -> client", d.books, d.client.ledger, kills > 0, kills > 0)...)
}

// compare checks what from reported against what to saw. killed says that the server was killed, so that outcomes may be
// unknown; died that from was, and calls with it.
func compare(way string, from, to *ledger, killed, died bool) (wrong []string) {
	say := func(format string, args ...any) {
		if len(wrong) < 5 {
			wrong = append(wrong, way+": "+fmt.Sprintf(format, args...))
		}
	}
	for n, how := range from.calls {
		runs := to.runs[n]
		most := 1
		if killed && idempotent(n) && !died {
			most = 1 + runs // as often as it takes
		}
		switch {
		case runs > most:
			say("call %d ran %d times", n, runs)
		case how == right && runs == 0:
			say("call %d was answered and did not run", n)
		case how == unsent && runs > 0:
			say("call %d was reported as not sent and ran", n)
		case how == unknown && !killed:
			say("call %d: its outcome is unknown, and nobody was killed", n)
		case how == began && !died:
			say("call %d has no outcome", n)
		}
	}
	for n := range to.runs {
		if from.calls[n] == 0 {
			say("call %d ran and was never made", n)
		}
	}
	if from.Acked != from.Sent {
		say("%d messages acked, not %d", from.Acked, from.Sent)
	}
	for n := int64(1); n <= from.Sent; n++ {
		if to.messages[n] != 1 {
			say("message %d was handed out %d times", n, to.messages[n])
		}
	}
	if int64(len(to.messages)) > from.Sent {
		say("%d messages arrived, %d were sent", len(to.messages), from.Sent)
	}
	return wrong
}
