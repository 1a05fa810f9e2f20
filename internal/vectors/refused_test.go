package vectors

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/mux"
)

// What must happen to a peer that breaks a rule.
const (
	closes  = "close"   // the carrier is closed, without another byte
	version = "version" // a preface with the server's version, then the same
	refuses = "refuse"  // REFUSE with the code
	byes    = "bye"     // BYE with the code
)

// breach is bytes that must be refused, and how.
type breach struct {
	name, rule string
	to         string // the side that must refuse them
	raw        bool   // sent instead of preface and HELLO, or of WELCOME
	calls      bool   // the side has called "echo" before, as its first open
	frames     [][]byte
	repeat     int // the last frame, so many times
	want       string
	code       frame.Code
}

// breachLimits are small, so that few bytes exceed them.
var breachLimits = func() frame.Limits {
	l := defaultLimits
	l.MaxPayload, l.EarlyStream, l.EarlyPool = 16<<10, 1024, [frame.Groups]uint32{3000, 3000, 3000}
	l.Body = 8192
	return l
}()

// breachLine is how a breach stands in refused.json.
type breachLine struct {
	Name    string   `json:"name"`
	Section string   `json:"section"`
	To      string   `json:"to"`
	After   string   `json:"after"`
	Calls   bool     `json:"calls,omitempty"`
	Bytes   []string `json:"bytes"`
	Repeat  int      `json:"repeat,omitempty"`
	Expect  string   `json:"expect"`
	Code    int      `json:"code"`
}

// TestRefused compares refused.json, and sends everything in it to conn and mux.
func TestRefused(t *testing.T) {
	h, w := firstHello(breachLimits, nil), firstWelcome(breachLimits, nil)
	greeting := append(frame.AppendPreface(nil, frame.Version), link(frame.TypeHello, frame.AppendHello(nil, &h))...)
	welcome := link(frame.TypeWelcome, frame.AppendWelcome(nil, &w))
	all := breaches(h, w)
	var lines []breachLine
	names := map[string]bool{}
	for _, b := range all {
		if names[b.name+b.to] {
			t.Errorf("%s appears twice", b.name)
		}
		names[b.name+b.to] = true
		l := breachLine{Name: b.name, Section: b.rule, To: b.to, After: "session", Calls: b.calls, Repeat: b.repeat, Expect: b.want, Code: int(b.code)}
		if b.raw {
			l.After = "nothing"
		}
		for _, f := range b.frames {
			l.Bytes = append(l.Bytes, hex.EncodeToString(f))
		}
		lines = append(lines, l)
	}
	call := open(1, fin, frame.Open{Kind: frame.KindCall, Name: []byte("echo"), Size: 1, Body: []byte("x")})
	golden(t, "refused.json", map[string]any{
		"about":    "Bytes that must be refused, each with the section of the rule that they break.",
		"greeting": hex.EncodeToString(greeting), "welcome": hex.EncodeToString(welcome),
		"call":  hex.EncodeToString(call),
		"cases": lines,
	})
	for _, b := range all {
		t.Run(b.to+"/"+b.name, func(t *testing.T) {
			was := rand.Reader
			rand.Reader = draws(b.to)
			defer func() { rand.Reader = was }()
			synctest.Test(t, func(t *testing.T) { b.play(t, greeting, welcome, call) })
		})
	}
}

func (b *breach) play(t *testing.T, greeting, welcome, call []byte) {
	r := newReal(t, b.to, breachLimits)
	near, far := memnet.Pipe()
	r.carrier(far)
	var out bytes.Buffer
	done := make(chan struct{})
	go func() { // ends with the carrier
		defer close(done)
		_, _ = out.ReadFrom(near)
	}()
	write := func(p []byte) {
		_, _ = near.Write(p) // the other side may have closed it
		synctest.Wait()
	}
	skip := 0
	if b.to == client {
		synctest.Wait()
		if !bytes.HasPrefix(out.Bytes(), greeting) {
			t.Fatalf("the client greets with %x, want %x", out.Bytes(), greeting)
		}
		skip = len(greeting)
	}
	if !b.raw {
		if b.to == client {
			write(welcome)
		} else {
			write(greeting)
			write(link(frame.TypePing, frame.AppendPing(nil, &frame.Ping{Opaque: 1})))
			skip = len(welcome)
		}
	}
	if b.calls {
		r.start(mux.Open{Kind: frame.KindCall, Name: "echo"}, []byte("x"))
		if !bytes.HasSuffix(out.Bytes(), call) {
			t.Fatalf("%x does not end with the call", out.Bytes())
		}
	}
	for i, f := range b.frames {
		n := 1
		if i == len(b.frames)-1 {
			n = max(1, b.repeat)
		}
		for range n {
			write(f)
		}
	}
	<-time.After(2 * time.Second) // a BYE is answered within 1 s, or the carrier is closed
	synctest.Wait()
	got, code := outcome(t, out.Bytes()[min(skip, out.Len()):])
	near.Cut()
	<-done
	<-r.result
	if got != b.want || code != b.code {
		t.Errorf("the %s's answer is %s with code %v, want %s with %v", b.to, got, code, b.want, b.code)
	}
	if r.link != nil {
		r.link.Abort(context.Canceled)
		<-r.link.Done()
	}
	r.work.Wait()
}

// outcome is what a side has said last.
func outcome(t *testing.T, said []byte) (string, frame.Code) {
	t.Helper()
	if v, err := frame.ParsePreface(said); err == nil && v == frame.Version && len(said) == frame.PrefaceLen {
		return version, 0
	}
	for {
		h, err := frame.ParseHeader(said)
		n := frame.HeaderLen + int(h.Length)
		if err != nil || n > len(said) {
			return closes, 0
		}
		switch p := said[frame.HeaderLen:n]; h.Type {
		case frame.TypeRefuse:
			x, err := frame.ParseRefuse(p)
			if err != nil || n != len(said) {
				t.Errorf("REFUSE: %v, and %d bytes after it", err, len(said)-n)
			}
			return refuses, x.Code
		case frame.TypeBye:
			x, err := frame.ParseBye(p)
			if err != nil || n != len(said) {
				t.Errorf("BYE: %v, and %d bytes after it", err, len(said)-n)
			}
			return byes, x.Code
		}
		said = said[n:]
	}
}
