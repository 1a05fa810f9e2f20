package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/gantline-project/gantline/chaos"
)

// report prints what the proxy does, as text or as JSON lines.
type report struct {
	proxy  *chaos.Proxy
	w      io.Writer
	json   bool
	events bool
	seen   int64 // the last event printed
}

// The lines of -json. "event" says which of them it is.
type (
	listening struct {
		Line   string       `json:"event"` // "listening"
		Addr   string       `json:"addr"`
		Target string       `json:"target"`
		Rules  []chaos.Rule `json:"rules"`
		Seed   uint64       `json:"seed"`
	}
	fault struct {
		Line string `json:"event"` // "fault"
		chaos.Event
	}
	counters struct {
		Line  string `json:"event"` // "counters"
		Final bool   `json:"final"`
		chaos.Counters
	}
)

func (r *report) hello(o *options) {
	if r.json {
		r.line(listening{"listening", r.proxy.Addr(), o.target, append([]chaos.Rule{}, o.cfg.Rules...), o.cfg.Seed})
		return
	}
	fmt.Fprintf(r.w, "listening on %s, forwarding to %s, seed %d\n", r.proxy.Addr(), o.target, o.cfg.Seed)
	for i, rule := range o.cfg.Rules {
		fmt.Fprintf(r.w, "rule %d: %s\n", i+1, rule)
	}
}

// counters prints the new events, if wanted, and the counters.
func (r *report) counters(final bool) {
	if r.events {
		for _, e := range r.proxy.Events() {
			if e.Seq > r.seen {
				r.seen = e.Seq
				r.fault(e)
			}
		}
	}
	c := r.proxy.Counters()
	if r.json {
		r.line(counters{"counters", final, c})
		return
	}
	fmt.Fprintf(r.w, "connections %d, open %d; bytes up %d, down %d; dropped up %d, down %d; flipped %d; dials refused %d, failed %d; refused %d; unsettled %d; faults",
		c.Connections, c.Open, c.BytesUp, c.BytesDown, c.DroppedUp, c.DroppedDown, c.Flipped, c.DialsRefused, c.DialsFailed, c.Refused, c.Unsettled)
	if len(c.Faults) == 0 {
		fmt.Fprint(r.w, " none")
	}
	for _, k := range slices.Sorted(maps.Keys(c.Faults)) {
		fmt.Fprintf(r.w, " %s %d", k, c.Faults[k])
	}
	fmt.Fprintln(r.w)
}

func (r *report) fault(e chaos.Event) {
	if r.json {
		r.line(fault{"fault", e})
		return
	}
	at, of := e.At.Round(time.Microsecond), "all"
	if e.Conn != 0 {
		of = fmt.Sprint("connection ", e.Conn)
	}
	fmt.Fprintf(r.w, "%v: %s, %s, after %d bytes up and %d down\n", at, e.Rule, of, e.Up, e.Down)
}

// line prints v as one line of JSON. Its types cannot fail to marshal.
func (r *report) line(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		data = fmt.Appendf(nil, `{"event":"error","error":%q}`, err)
	}
	fmt.Fprintf(r.w, "%s\n", data)
}
