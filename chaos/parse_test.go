package chaos

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseRule(t *testing.T) {
	const ms = int64(time.Millisecond)
	tests := []struct {
		text string
		want Rule
		out  string // what String makes of it, if not text
	}{
		{"rst@up:1000", Rule{Fault{Kind: RST}, Trigger{When: AtBytes, Side: Up, At: Span{1000, 1000}}, Conns{}}, ""},
		{" fin@down:0 ", Rule{Fault{Kind: FIN}, Trigger{When: AtBytes, Side: Down}, Conns{}}, "fin@down:0"},
		{"half.up@both:64K#2", Rule{Fault{Kind: Half, Side: Up}, Trigger{When: AtBytes, Side: Both, At: Span{65536, 65536}}, Conns{2, 2}}, ""},
		{"flip", Rule{Fault: Fault{Kind: Flip, Bytes: 1}}, ""},
		{"flip:1@up:5-5", Rule{Fault{Kind: Flip, Bytes: 1}, Trigger{When: AtBytes, Side: Up, At: Span{5, 5}}, Conns{}}, "flip@up:5"},
		{"flip.both:3@total.up.every:1-1024#3-", Rule{Fault{Kind: Flip, Side: Both, Bytes: 3}, Trigger{When: AtTotal, Side: Up, Every: true, At: Span{1, 1024}}, Conns{3, 0}}, "flip.both:3@total.up.every:1-1K#3-"},
		{"stall@age:1s+500ms#2-5", Rule{Fault{Kind: Stall}, Trigger{When: AtAge, At: Span{1000 * ms, 1000 * ms}, For: Span{500 * ms, 500 * ms}}, Conns{2, 5}}, ""},
		{"blackhole@t:2s+3s", Rule{Fault{Kind: Blackhole}, Trigger{When: AtTime, At: Span{2000 * ms, 2000 * ms}, For: Span{3000 * ms, 3000 * ms}}, Conns{}}, ""},
		{"blackhole.down@every:1s-2s+3ms-40ms", Rule{Fault{Kind: Blackhole, Side: Down}, Trigger{When: AtTime, Every: true, At: Span{1000 * ms, 2000 * ms}, For: Span{3 * ms, 40 * ms}}, Conns{}}, ""},
		{"rst@t.every:90s", Rule{Fault{Kind: RST}, Trigger{When: AtTime, Every: true, At: Span{90000 * ms, 90000 * ms}}, Conns{}}, "rst@every:1m30s"},
		{"drip.up:1/10ms", Rule{Fault: Fault{Kind: Drip, Side: Up, Bytes: 1, Delay: 10 * time.Millisecond}}, ""},
		{"cap:65536/s", Rule{Fault: Fault{Kind: Cap, Bytes: 65536}}, "cap:64K/s"},
		{"latency:20ms+-5ms", Rule{Fault: Fault{Kind: Latency, Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}}, ""},
		{"latency:0s+-5ms", Rule{Fault: Fault{Kind: Latency, Jitter: 5 * time.Millisecond}}, ""},
		{"latency:20ms+-0s", Rule{Fault: Fault{Kind: Latency, Delay: 20 * time.Millisecond}}, "latency:20ms"},
		{"outage@total.both:1G+1s", Rule{Fault{Kind: Outage}, Trigger{When: AtTotal, Side: Both, At: Span{1 << 30, 1 << 30}, For: Span{1000 * ms, 1000 * ms}}, Conns{}}, ""},
		{"flap:100ms/100ms", Rule{Fault: Fault{Kind: Flap, UpFor: 100 * time.Millisecond, DownFor: 100 * time.Millisecond}}, ""},
	}
	for _, tt := range tests {
		got, err := ParseRule(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseRule(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
			continue
		}
		out := tt.out
		if out == "" {
			out = tt.text
		}
		if got.String() != out {
			t.Errorf("%q prints as %q, want %q", tt.text, got, out)
		}
		if again, err := ParseRule(out); err != nil || again != got {
			t.Errorf("ParseRule(%q) = %+v, %v, want %+v", out, again, err, got)
		}
	}
}

// TestParseRuleErrors: each says what is wrong and what to write instead.
func TestParseRuleErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", `there is no fault "": use one of blackhole, cap, drip, fin, flap, flip, half, latency, outage, rst, stall`},
		{"RST@up:1", `there is no fault "RST"`},
		{"rst.up@up:1", `rst takes no side "up"`},
		{"half.left", `there is no side "left": use up, down or both`},
		{"stall:1s", `stall needs no argument: leave out ":1s"`},
		{"drip", "drip needs bytes and a pause, as in drip:1/10ms"},
		{"drip:1", `"" is not a time: write 500us, 20ms or 1m30s`},
		{"drip:0/1ms", "drip needs bytes and a pause"},
		{"cap:64K", "cap is per second: write cap:64K/s"},
		{"cap:64k/s", `"64k" is not a number of bytes: write 1000, 64K, 8M or 1G`},
		{"cap:9999999G/s", `at most 1048576G`},
		{"flip:0", "flip needs a number of bytes"},
		{"latency", "latency needs a delay"},
		{"latency:0s", "latency needs a delay"},
		{"latency:-5ms", `"-5ms" is not a time`},
		{"flap:1s", `"" is not a time`},
		{"flap:1us/1s", "flap needs time up and time down, as in flap:100ms/100ms"},
		{"flap:1s/1s#2", "flap acts on all connections: leave out the #"},
		{"outage@up:1#1", "outage acts on all connections"},
		{"rst@", `trigger "" has no offset or time`},
		{"rst@upp:1", `there is no trigger "upp": use up, down or both`},
		{"rst@total:1", `there is no trigger "total"`},
		{"rst@total.t:1s", `there is no trigger "total.t"`},
		{"rst@up", `trigger "up" has no offset or time`},
		{"rst@up:-1", `"" is not a number of bytes`},
		{"rst@up:2-1", "trigger up:2-1: it must be between 0 and 1048576G bytes and the smaller value first"},
		{"rst@up.every:0", "it must be between 1 and"},
		{"rst@every:1us", "it must be between 1ms and 10000h0m0s"},
		{"rst@t:5", `"5" is not a time`},
		{"rst@t:1s+2s", "rst happens at once: leave out the duration after +"},
		{"stall@t:1s+0s", `duration "0s": it must be more than 0`},
		{"stall@t:1s+2s-1s", "duration 2s-1s: it must be between"},
		{"rst@up:1#0", `connections "0": write 2, 2-5 or 2-; the first one is 1`},
		{"rst@up:1#5-2", `connections "5-2": the second number must not be smaller`},
		{"rst#1#2", `connections "1#2"`},
	}
	for _, tt := range tests {
		_, err := ParseRule(tt.text)
		var re *RuleError
		if !errors.As(err, &re) || re.Rule != tt.text || !strings.Contains(re.Reason, tt.want) {
			t.Errorf("ParseRule(%q): %v\nwant %s", tt.text, err, tt.want)
			continue
		}
		if want := "gantline: chaos: rule "; strings.Count(err.Error(), "gantline: ") != 1 || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v does not begin with %q once", err, want)
		}
	}
}

// TestValidateByHand: rules that no text can express are refused too.
func TestValidateByHand(t *testing.T) {
	second := Span{int64(time.Second), int64(time.Second)}
	for name, r := range map[string]Rule{
		"no kind":          {},
		"unknown kind":     {Fault: Fault{Kind: 99}},
		"unknown side":     {Fault: Fault{Kind: Stall, Side: 9}},
		"foreign argument": {Fault: Fault{Kind: RST, Bytes: 1}},
		"unknown trigger":  {Fault: Fault{Kind: RST}, Trigger: Trigger{When: 9}},
		"offset at start":  {Fault: Fault{Kind: Stall}, Trigger: Trigger{For: second}},
		"no side":          {Fault: Fault{Kind: RST}, Trigger: Trigger{When: AtBytes}},
		"side of a time":   {Fault: Fault{Kind: RST}, Trigger: Trigger{When: AtTime, Side: Up}},
		"negative number":  {Fault: Fault{Kind: RST}, Conns: Conns{-1, 2}},
		"last alone":       {Fault: Fault{Kind: RST}, Conns: Conns{0, 2}},
		"huge duration":    {Fault: Fault{Kind: Stall}, Trigger: Trigger{When: AtTime, For: Span{1, 1 << 62}}},
	} {
		var re *RuleError
		if err := r.Validate(); !errors.As(err, &re) {
			t.Errorf("%s: Validate = %v, want a *RuleError", name, err)
		}
		if _, err := NewGroup(&Config{Rules: []Rule{r}}); !errors.As(err, &re) {
			t.Errorf("%s: NewGroup = %v, want a *RuleError", name, err)
		}
	}
}

func TestRuleJSON(t *testing.T) {
	in := MustParse("rst@up:1-9#2", "latency.up:20ms+-5ms", "flap:1s/2s")
	data, err := json.Marshal(in)
	if err != nil || string(data) != `["rst@up:1-9#2","latency.up:20ms+-5ms","flap:1s/2s"]` {
		t.Fatalf("Marshal = %s, %v", data, err)
	}
	var out []Rule
	if err := json.Unmarshal(data, &out); err != nil || len(out) != 3 || out[0] != in[0] || out[1] != in[1] || out[2] != in[2] {
		t.Errorf("Unmarshal = %v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`["nonsense"]`), &out); err == nil {
		t.Error("nonsense was taken")
	}
	var k Kind
	if err := k.UnmarshalText([]byte("half")); err != nil || k != Half {
		t.Errorf("UnmarshalText = %v, %v", k, err)
	}
	if err := k.UnmarshalText([]byte("whole")); err == nil {
		t.Error("a kind that is none was taken")
	}
}

func TestParseFault(t *testing.T) {
	if f, err := ParseFault("cap.down:1K/s"); err != nil || f != (Fault{Kind: Cap, Side: Down, Bytes: 1024}) {
		t.Errorf("ParseFault = %+v, %v", f, err)
	}
	for _, text := range []string{"rst@up:1", "rst#1", "nonsense"} {
		if _, err := ParseFault(text); err == nil {
			t.Errorf("ParseFault(%q) worked", text)
		}
	}
	for name, f := range map[string]func(){
		"MustParse": func() { MustParse("rst", "nonsense") },
		"MustFault": func() { MustFault("rst#1") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			f()
		}()
	}
}

// FuzzParseRule: an accepted rule prints as a text that means the same, and prints the same again. The seeds
// are in testdata.
func FuzzParseRule(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRule(text)
		if err != nil {
			var re *RuleError
			if !errors.As(err, &re) || re.Reason == "" {
				t.Fatalf("ParseRule(%q): %v is no *RuleError with a reason", text, err)
			}
			return
		}
		again, err := ParseRule(r.String())
		if err != nil || again != r || again.String() != r.String() {
			t.Fatalf("%q means %+v and prints as %q, which means %+v, %v", text, r, r, again, err)
		}
	})
}
