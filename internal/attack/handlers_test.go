package attack

import (
	"github.com/gantline-project/gantline/frame"
)

// Handlers are the application's: what they take counts as its own.

// calls makes calls of a method and takes what is answered.
func calls(method string, body []byte, after func(id uint64) []byte) func(*attacker, int) {
	return func(a *attacker, _ int) {
		p := a.dial(a.name("caller"))
		if p == nil {
			return
		}
		defer p.close()
		go p.drain()
		for {
			b, id := p.open(frame.Open{Kind: frame.KindCall, Name: []byte(method), Body: body}, frame.FlagFin)
			if !p.sequenced(append(b, after(id)...)) {
				return
			}
		}
	}
}

// callsBack answers what the server calls back with another call, deeper and deeper.
func callsBack(a *attacker, _ int) {
	p := a.dial(a.name("back"))
	if p == nil {
		return
	}
	defer p.close()
	b, _ := p.open(frame.Open{Kind: frame.KindCall, Name: []byte("back")}, frame.FlagFin)
	for p.sequenced(b) {
		h, payload, err := p.next(true)
		if err != nil {
			return
		}
		b = nil
		if h.Type == frame.TypeOpen && len(payload) > 2 && payload[1] < 16 {
			b, _ = p.open(frame.Open{Kind: frame.KindCall, Depth: payload[1] + 1, Name: []byte("back")}, frame.FlagFin)
		}
	}
}

var handlers = []attack{
	{name: "handlers that panic", conns: 4, run: calls("panic", nil, nothing)},
	{name: "handlers that hang", conns: 4, honestly: true, run: stalled(frame.Open{Kind: frame.KindCall, Name: []byte("hang")}, 1024, 4, nil)},
	{name: "handlers that hang, cancelled", conns: 4, honestly: true, run: calls("hang", nil, reset)},
	{name: "large answers nobody reads", conns: 4, honestly: true, run: many(frame.Open{Kind: frame.KindCall, Name: []byte("big")}, frame.FlagFin, nothing)},
	{name: "messages nobody acks", conns: 4, honestly: true, run: many(frame.Open{Kind: frame.KindCall, Name: []byte("publish")}, frame.FlagFin, nothing)},
	{name: "messages that are never done", conns: 4, honestly: true, run: many(frame.Open{Kind: frame.KindMessage, Name: []byte("slow")}, frame.FlagFin, nothing)},
	{name: "calls in a circle", conns: 4, honestly: true, run: callsBack},
}
