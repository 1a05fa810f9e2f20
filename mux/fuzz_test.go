package mux

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// obedient does with what is opened what the fuzzer's bytes say.
type obedient struct {
	rawAcceptor
	says []byte
}

func (a *obedient) next() byte {
	if len(a.says) == 0 {
		return 0
	}
	b := a.says[0]
	a.says = a.says[1:]
	return b
}

func (a *obedient) AcceptStream(st *Stream) {
	a.rawAcceptor.AcceptStream(st)
	switch a.next() % 6 {
	case 1:
		st.Accept()
	case 2:
		st.Reset(frame.NotFound, "no")
	case 3:
		st.Close()
	case 4:
		st.Accept()
		st.CloseRead()
		st.Write([]byte("hello"))
	case 5:
		if st.in.n > 0 {
			st.Read(make([]byte, 10))
		}
		st.CloseWrite()
	}
}

func (a *obedient) NewExchange(frame.Kind) *Incoming { return &Incoming{} }
func (a *obedient) AcceptExchange(x *Incoming) {
	switch a.next() % 5 {
	case 1:
		x.TryReply(nil, []byte("answer"))
	case 2:
		x.Want()
	case 3:
		x.Dispatched()
		x.TryReply(&frame.Head{Code: frame.Internal, Text: "x"}, nil)
	case 4:
		x.TryReply(nil, nil)
		x.TryReply(nil, nil)
	}
}
func (a *obedient) ReadyExchange(x *Incoming) {
	if a.next()%2 == 0 {
		x.Dispatched()
		x.TryReply(nil, x.Body[:min(len(x.Body), 1000)])
	}
}
func (a *obedient) CancelExchange(x *Incoming, _ error) { x.TryReply(nil, nil) }

// FuzzFrames feeds arbitrary frames to a session that has streams and calls of its own open, while the
// acceptor does what else the input says. Nothing may panic, what the session appends must be whole legal
// frames, memory must stay within the announced limits, and what was taken must be given back whenever it ends.
func FuzzFrames(f *testing.F) {
	join := func(fs ...rawFrame) (b []byte) {
		for _, f := range fs {
			b = append(b, f.bytes()...)
		}
		return b
	}
	body := []byte("0123456789")
	call := frame.Open{Kind: frame.KindCall, Size: 20, Body: body}
	for _, seed := range []struct{ says, frames []byte }{
		{[]byte{1}, join(fOpen(1, 0, frame.Open{Body: body}), fData(1, flEarly, 50), fCredit(1, 9), fStop(1, 0), fData(1, flFin, 0))},
		{[]byte{0, 2}, join(fOpen(1, 0, frame.Open{}), fReset(1, 5), fOpen(3, 0, frame.Open{}), fData(3, flFin, 0))},
		{[]byte{0, 0, 1}, join(fOpen(1, flFin, call), fOpen(3, 0, call), fData(3, flEarly|flFin, 10), fReset(3, 1), fReset(1, 1))},
		{[]byte{2}, join(fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Size: 20, Body: body}), fData(1, flFin, 10))},
		{nil, join(fHead(2, flEarly, frame.Head{Size: 20}, 10), fData(2, flFin, 10), fHead(4, flFin|flEarly, frame.Head{Code: 3, Text: "t"}, 5))},
		{nil, join(fHead(6, flFin, frame.Head{Code: 1}, 0), fData(8, flEarly, 5), fCredit(8, 1<<31), fCredit(8, 1<<31), fReset(8, 2), fData(0, flEarly, 9), fStop(0, 0))},
		{[]byte{4, 5, 3}, join(fOpen(1, flFin, frame.Open{Body: body}), fOpen(5, 0, frame.Open{Body: body}), fOpen(9, 0, frame.Open{}), fOpen(11, flFin, frame.Open{Kind: frame.KindNotify, Parent: 5, Depth: 16}))},
		{nil, join(fDrain(3), mk(frame.TypeSettings, 0, 0, frame.AppendSettings(nil, &frame.Settings{})), fOpen(1, 0, frame.Open{Kind: frame.KindVoid, Body: body}), fOpen(3, 0, frame.Open{Kind: frame.KindStreamingCall}), mk(0xC1, 0, 0, body))},
		{nil, join(fOpen(1, 0, frame.Open{Kind: frame.KindCall}), fData(1, 0, 60000), fData(1, flEarly, 60000), fData(1, flFin, 1))},
	} {
		f.Add(seed.says, seed.frames)
	}
	f.Fuzz(fuzzFrames)
}

// FuzzScript is FuzzFrames for frames that are well formed: four bytes of input make one.
func FuzzScript(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5}, []byte("\x00\x01\x00\x05\x03\x01\x08\x20\x07\x01\x00\x09\x09\x01\x00\x00"))
	f.Add([]byte{0, 2, 0, 2}, []byte("\x01\x01\x00\x05\x03\x01\x08\x05\x01\x03\x01\x0a\x08\x03\x00\x01\x05\x02\x09\x05"))
	f.Add([]byte{7, 7, 7, 8}, []byte("\x05\x02\x08\x05\x04\x02\x01\x05\x06\x04\x01\x00\x0a\x08\x00\x01\x03\x08\x09\x40"))
	f.Fuzz(func(t *testing.T, says, script []byte) {
		var in []byte
		for ; len(script) >= 4; script = script[4:] {
			in = append(in, scripted(script[0], uint64(script[1]%24), frame.Flags(script[2]), int(script[3])).bytes()...)
		}
		fuzzFrames(t, says, in)
	})
}

// scripted returns frame number op of the menu.
func scripted(op byte, id uint64, flags frame.Flags, n int) rawFrame {
	data := flags & (flFin | flBlock | flEarly)
	switch op % 12 {
	case 0, 1, 2:
		kinds := []frame.Kind{frame.KindStream, frame.KindCall, frame.KindStreamingCall, frame.KindMessage, frame.KindNotify, frame.KindUnackedMessage, frame.KindVoid}
		o := frame.Open{Kind: kinds[int(op/12)%len(kinds)], Depth: uint8(flags >> 4), Body: make([]byte, n)}
		if flags&2 != 0 {
			o.Size = uint32(n * n)
		}
		if flags&4 != 0 {
			o.Parent = uint64(flags>>3) % 8
		}
		return fOpen(id, flags&flFin, o)
	case 3:
		return fData(id, data, n)
	case 4:
		return fData(id, data, n*200)
	case 5:
		return fHead(id, data, frame.Head{Size: uint32(n)}, n)
	case 6:
		return fHead(id, data, frame.Head{Size: uint32(2 * n), Code: frame.Code(n % 17), Text: "text"}, n/2)
	case 7:
		return fCredit(id, uint32(n)<<24|uint32(n))
	case 8:
		return fReset(id, frame.Code(n%17))
	case 9:
		return fStop(id, frame.Code(n%17))
	case 10:
		return fDrain(id)
	}
	return mk(frame.TypeSettings, 0, 0, frame.AppendSettings(nil, &frame.Settings{Streams: uint32(n), Calls: uint32(id), Messages: uint32(flags)}))
}

func fuzzFrames(t *testing.T, says, in []byte) {
	acc := &obedient{says: says}
	r := newRaw(t, func(c *Config) {
		smallLimits(c)
		c.Acceptor, c.BodyBudget = acc, 1<<20
		c.Local.Body = 256 << 10
	})
	defer r.HandleClose(io.EOF)
	sink := &lightSink{}
	var own []*Exchange
	for range 3 {
		x := &Exchange{Sink: sink}
		if err := r.Start(t.Context(), x, &Open{Kind: frame.KindCall, Name: "m"}, []byte("body")); err != nil {
			t.Fatal(err)
		}
		own = append(own, x)
	}
	if _, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStream, Name: "s"}, []byte("first")); err != nil {
		t.Fatal(err)
	}
	r.take()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fr := frame.NewReader(bytes.NewReader(in), frame.DefaultMaxPayload)
	var err error
	for n := 0; err == nil; n++ {
		var h frame.Header
		if h, err = fr.Next(); err == nil {
			err = r.HandleFrame(h, fr)
		}
		switch says := acc.next(); {
		case n%3 == 0:
			r.take() // checks the frames
		case says == 7:
			own[n%3].Cancel(frame.Canceled, "fuzz")
		case says == 8:
			r.First().CloseRead()
		}
		for g := range frame.Groups {
			if in, out := r.peer.earlyIn[g], r.peer.released[g].Load(); out > in || in-out > uint64(r.cfg.Local.EarlyPool[g]) || int(out) != r.l.freed[g] {
				t.Fatalf("group %d: %d bytes received, %d released, %d announced", g, in, out, r.l.freed[g])
			}
		}
	}
	runtime.ReadMemStats(&after)
	// Chunks, bodies and copies of what came in; what it announces costs nothing before it is granted.
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20+40*uint64(len(in)) {
		t.Fatalf("%d bytes were allocated for %d of input", n, len(in))
	}
	r.take()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // else the link closes
		finish(t, r, acc)
	}
}

// finish ends everything in order; then nothing may be held.
func finish(t *testing.T, r *raw, acc *obedient) {
	r.Streams(func(st *Stream) bool { st.Reset(frame.Aborted, ""); return true })
	r.tab.Lock()
	var ends []rawFrame
	var all []entry
	for e := range r.tab.all() {
		id := e.base().id
		ends, all = append(ends, fReset(id, frame.Aborted)), append(all, e)
	}
	r.tab.Unlock()
	for _, st := range acc.streams {
		st.Close()
	}
	r.ok(ends...)
	for _, e := range all {
		switch e := e.(type) {
		case *Incoming:
			e.TryReply(nil, nil)
		case *Stream:
			e.Close()
		}
	}
	r.take()
	if r.first != nil {
		r.first.Close()
	}
	checkRaw(t, r)
}
