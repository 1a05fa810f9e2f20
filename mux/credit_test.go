package mux

import (
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestBeyondPockets: bytes up to the limit of each pocket are taken, one more is an error and changes nothing.
func TestBeyondPockets(t *testing.T) {
	call, message := frame.KindCall, frame.KindMessage
	body := func(n int) []byte { return make([]byte, n) }
	read := func(r *raw, n int) { // moves the early bytes to a grant of 10,000
		if _, err := r.acc.streams[0].Read(make([]byte, n)); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		frames []rawFrame
		then   func(r *raw)
		one    rawFrame // legal
		more   rawFrame // one byte more than that: not
		bad    string
	}{
		{"early window, DATA", []rawFrame{fOpen(1, 0, frame.Open{Body: body(400)})}, nil, fData(1, flEarly, 600), fData(1, flEarly, 601), "early window of 1000"},
		{"early window, OPEN", nil, nil, fOpen(1, 0, frame.Open{Body: body(1000)}), fOpen(1, 0, frame.Open{Body: body(1001)}), "early window of 1000"},
		{"early window, first stream", []rawFrame{fData(0, flEarly, 999)}, nil, fData(0, flEarly, 1), fData(0, flEarly, 2), "early window of 1000"},
		{"early window, call", []rawFrame{fOpen(1, 0, frame.Open{Kind: call, Size: 2000, Body: body(400)})}, nil, fData(1, flEarly, 600), fData(1, flEarly, 601), "early window of 1000"},
		{"early window is not given twice", []rawFrame{fOpen(1, 0, frame.Open{Body: body(1000)})}, func(r *raw) { read(r, 1000) }, fData(1, 0, 1), fData(1, flEarly, 1), "early window of 1000"},
		{"pool, DATA", []rawFrame{fOpen(1, 0, frame.Open{Body: body(900)}), fOpen(3, 0, frame.Open{})}, nil, fData(3, flEarly, 600), fData(3, flEarly, 601), "pool of 1500"},
		{"pool, OPEN", []rawFrame{fOpen(1, 0, frame.Open{Body: body(900)})}, nil, fOpen(3, 0, frame.Open{Body: body(600)}), fOpen(3, 0, frame.Open{Body: body(601)}), "pool of 1500"},
		{"pool, message", []rawFrame{fOpen(1, flFin, frame.Open{Kind: message, Body: body(900)})}, nil, fOpen(3, flFin, frame.Open{Kind: message, Body: body(600)}), fOpen(3, flFin, frame.Open{Kind: message, Body: body(601)}), "pool of 1500"},
		{"pool, refused open", []rawFrame{fOpen(1, 0, frame.Open{Body: body(900)})}, nil, fOpen(3, 0, frame.Open{Parent: 1, Body: body(600)}), fOpen(3, 0, frame.Open{Parent: 1, Body: body(601)}), "pool of 1500"},
		{"pool, void", []rawFrame{fOpen(1, flFin, frame.Open{Kind: call, Body: body(900)})}, nil, fOpen(3, 0, frame.Open{Kind: frame.KindVoid, Body: body(600)}), fOpen(3, 0, frame.Open{Kind: frame.KindVoid, Body: body(601)}), "pool of 1500"},
		{"pool, what was released", []rawFrame{fOpen(1, 0, frame.Open{Body: body(900)})}, func(r *raw) { read(r, 1) }, fOpen(3, 0, frame.Open{Body: body(1000)}), fOpen(3, 0, frame.Open{Body: body(1001)}), "window of 1000"},
		{"credit, none", []rawFrame{fOpen(1, 0, frame.Open{})}, nil, fData(1, flEarly, 1), fData(1, 0, 1), "credit of 0"},
		{"credit", []rawFrame{fOpen(1, 0, frame.Open{Body: body(1)})}, func(r *raw) { read(r, 1) }, fData(1, 0, 10000), fData(1, 0, 10001), "credit of 10000"},
		{"credit, less what is buffered", []rawFrame{fOpen(1, 0, frame.Open{Body: body(1000)})}, func(r *raw) { read(r, 400) }, fData(1, 0, 9400), fData(1, 0, 9401), "credit of 9400"},
		{"credit, call", []rawFrame{fOpen(1, 0, frame.Open{Kind: call, Size: 5000, Body: body(400)})}, nil, fData(1, 0, 4600), fData(1, 0, 4601), "credit of 4600"},
		{"credit, message nobody wants", []rawFrame{fOpen(1, 0, frame.Open{Kind: message, Size: 5000, Body: body(400)})}, nil, fData(1, flEarly, 600), fData(1, 0, 1), "credit of 0"},
		{"size, OPEN", nil, nil, fOpen(1, flFin, frame.Open{Kind: call, Size: 5, Body: body(5)}), fOpen(1, flFin, frame.Open{Kind: call, Size: 6, Body: body(5)}), "brings 5"},
		{"size, DATA", []rawFrame{fOpen(1, 0, frame.Open{Kind: call, Size: 500, Body: body(400)})}, nil, fData(1, flEarly|flFin, 100), fData(1, flEarly|flFin, 101), "announced size of 500"},
		{"size, short", []rawFrame{fOpen(1, 0, frame.Open{Kind: call, Size: 500, Body: body(400)})}, nil, fData(1, flEarly|flFin, 100), fData(1, flEarly|flFin, 99), "ends after 499"},
		{"size, unknown", []rawFrame{fOpen(1, 0, frame.Open{Kind: call, Body: body(1000)})}, nil, fData(1, 0, 19000), fData(1, 0, 19001), "credit of 19000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, ok := range []bool{true, false} {
				r := newRaw(t, func(cfg *Config) { smallPool(cfg); cfg.Window = 10000; cfg.Local.Body = 20000 })
				r.ok(c.frames...)
				if c.then != nil {
					c.then(r)
				}
				r.take()
				if ok {
					r.ok(c.one)
					continue
				}
				in, count := r.peer.earlyIn, r.Count()
				r.bad(c.bad, c.more)
				if r.Count() != count || c.name != "size, short" && r.peer.earlyIn != in {
					t.Error("the frame was booked before it was checked")
				}
			}
		})
	}
}

// TestAnswerBeyondPockets is the same for answers.
func TestAnswerBeyondPockets(t *testing.T) {
	for _, c := range []struct {
		name string
		one  []rawFrame
		more []rawFrame
		bad  string
	}{
		{"first frame", []rawFrame{fHead(2, flFin|flEarly, frame.Head{}, 1000)}, []rawFrame{fHead(2, flFin|flEarly, frame.Head{}, 1001)}, "early window"},
		{"moved to the grant; over the limit of bodies", []rawFrame{fHead(2, flEarly, frame.Head{Size: 2000}, 900), fHead(4, flEarly, frame.Head{Size: 2000}, 1000)}, []rawFrame{fHead(6, 0, frame.Head{Size: 20001}, 0)}, ""},
		{"size", []rawFrame{fHead(2, flEarly, frame.Head{Size: 700}, 500), fData(2, 0, 100), fData(2, flFin, 100)}, []rawFrame{fHead(2, flEarly, frame.Head{Size: 700}, 500), fData(2, 0, 201)}, "credit of 200"},
		{"end", []rawFrame{fHead(2, flEarly, frame.Head{Size: 700}, 500), fData(2, flFin, 200)}, []rawFrame{fHead(2, flEarly, frame.Head{Size: 700}, 500), fData(2, flFin, 199)}, "ends after 699"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, frames := range [][]rawFrame{c.one, c.more} {
				r := newRaw(t, func(cfg *Config) { smallPool(cfg); cfg.Local.Body = 20000 })
				for range 3 {
					if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall}, nil); err != nil {
						t.Fatal(err)
					}
				}
				if i == 0 || c.bad == "" {
					r.ok(frames...)
				} else {
					r.bad(c.bad, frames...)
				}
			}
		})
	}
}

// TestEarlyNothing: a HEAD block is free, so EARLY needs body bytes beside it, in answers, trailers and what is dropped.
func TestEarlyNothing(t *testing.T) {
	failed := frame.Head{Code: frame.NotFound}
	for _, c := range []struct {
		name string
		make func(r *raw)
	}{
		{"answer", func(r *raw) {
			if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall}, nil); err != nil {
				t.Fatal(err)
			}
		}},
		{"trailer", func(r *raw) {
			if _, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStreamingCall}, nil); err != nil {
				t.Fatal(err)
			}
		}},
		{"given up", func(r *raw) {
			x := &Exchange{Sink: make(waitSink, 1)}
			if err := r.Start(t.Context(), x, &Open{Kind: frame.KindCall}, nil); err != nil {
				t.Fatal(err)
			}
			x.Cancel(frame.Canceled, "")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRaw(t, nil)
			c.make(r)
			r.take()
			r.bad("EARLY on a frame without body bytes", fHead(2, flFin|flEarly, failed, 0))
			r = newRaw(t, nil)
			c.make(r)
			r.take()
			r.ok(fHead(2, flFin, failed, 0))
		})
	}
}

// TestCreditOverflow: credit may grow to 2^62, not beyond.
func TestCreditOverflow(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{}))
	f := &r.acc.streams[0].flow
	r.l.Lock()
	f.credit = maxCredit - 10
	r.l.Unlock()
	r.ok(fCredit(1, 0), fCredit(1, 10))
	r.bad("over the maximum", fCredit(1, 1))
	if f.credit != maxCredit {
		t.Errorf("credit is %d", f.credit)
	}
	r.acc.streams[0].CloseWrite()
	r.ok(fCredit(1, 1)) // ignored, the direction has ended
}

// TestHeadInBodies: HEAD stands in answers only, and once.
func TestHeadInBodies(t *testing.T) {
	for _, f := range []rawFrame{fHead(0, 0, frame.Head{}, 0), fHead(1, flFin, frame.Head{}, 0), fHead(3, flFin, frame.Head{}, 0), fHead(5, flFin, frame.Head{}, 0)} {
		r := newRaw(t, nil)
		r.ok(fOpen(1, 0, frame.Open{}), fOpen(3, 0, frame.Open{Kind: frame.KindCall}), fOpen(5, 0, frame.Open{Kind: frame.KindStreamingCall}))
		r.bad("HEAD", f)
	}
	r := newRaw(t, nil)
	st, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStreamingCall}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.bad("HEAD", fHead(st.ID(), 0, frame.Head{}, 0))
	r.bad("after it", fHead(st.ID(), flFin, frame.Head{}, 5))
	r.ok(fData(2, flEarly, 3), fHead(st.ID(), flFin, frame.Head{Code: frame.Aborted, Text: "why"}, 0))
	if n, err := readAll(st); n != 3 || err != nil || st.Head() == nil || st.Head().Code != frame.Aborted || st.Head().Text != "why" {
		t.Errorf("%d bytes, %v, trailer %+v", n, err, st.Head())
	}
	st.CloseWrite()
	r.take()
	checkRaw(t, r)
}
