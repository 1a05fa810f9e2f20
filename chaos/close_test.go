package chaos

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestLoopbackOnly(t *testing.T) {
	for _, tt := range []struct{ listen, target string }{
		{"127.0.0.1:0", "192.0.2.1:80"},
		{"127.0.0.1:0", "example.com:80"},
		{"127.0.0.1:0", ":80"},
		{"0.0.0.0:0", "127.0.0.1:80"},
		{":0", "127.0.0.1:80"},
	} {
		_, err := Listen(tt.listen, tt.target, nil)
		if !errors.Is(err, ErrNotLoopback) || !strings.HasPrefix(err.Error(), "gantline: chaos: ") || !strings.Contains(err.Error(), "AllowRemote") {
			t.Errorf("Listen(%q, %q): %v", tt.listen, tt.target, err)
		}
	}
	if _, err := Listen("127.0.0.1:0", "127.0.0.1", nil); err == nil {
		t.Error("a target without a port was taken")
	}
	for _, tt := range []struct {
		listen, target string
		remote         bool
	}{
		{"localhost:0", "localhost:1", false},
		{"127.1.2.3:0", "[::1]:1", false},
		{"0.0.0.0:0", "192.0.2.1:80", true},
	} {
		p, err := Listen(tt.listen, tt.target, &Config{AllowRemote: tt.remote})
		if err != nil {
			t.Errorf("Listen(%q, %q): %v", tt.listen, tt.target, err)
			continue
		}
		p.Close()
	}
}

// TestClose ends whatever blocks anywhere. That is a receiver that does not read, a stall, a latency, a
// blackhole before the dial, and a listener that is down.
func TestClose(t *testing.T) {
	for _, rule := range []string{"cap:1G/s", "stall@up:10", "latency:1h", "blackhole", "drip:1/1h", "outage@t:30ms", "flap:30ms/1h", "fin@up:0", "rst@t:1h"} {
		b := newBench(t, rules(rule))
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			if nc, err := b.tryDial(); err == nil { // else an outage was faster
				defer nc.Close()
				nc.Write(make([]byte, 32<<20))
			}
		}()
		time.Sleep(50 * time.Millisecond)
		start := time.Now()
		if err := b.Proxy.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > patience/2 {
			t.Errorf("%s: Close took %v", rule, took)
		}
		<-wrote
		if err := b.Proxy.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: second Close = %v", rule, err)
		}
		if err := second(b.Inject(MustFault("rst"))); !errors.Is(err, net.ErrClosed) || b.Cut() != 0 {
			t.Errorf("Inject after Close = %v", err)
		}
		if nc, err := net.Dial("tcp", b.Addr()); err == nil {
			nc.Close()
			t.Errorf("%s: a dial worked after Close", rule)
		}
	}
}

func TestCountersJSON(t *testing.T) {
	b := newBench(t, rules("flip@up:1", "rst@up:5"))
	p := b.pair(t)
	put(t, p.c, 0, 10)
	wantReset(t, p.c)
	eventually(t, "the connection is over", func() bool { return b.Counters().Open == 0 })
	data, err := json.Marshal(b.Counters())
	want := `{"connections":1,"open":0,"bytes_up":5,"bytes_down":0,"dropped_up":5,"dropped_down":0,"flipped":1,` +
		`"faults":{"flip":1,"rst":1},"dials_refused":0,"dials_failed":0,"refused":0,"unsettled":0}`
	if err != nil || string(data) != want {
		t.Errorf("Marshal = %s, %v\nwant %s", data, err, want)
	}
	var back Counters
	if err := json.Unmarshal(data, &back); err != nil || back.Faults[RST] != 1 {
		t.Errorf("Unmarshal = %+v, %v", back, err)
	}
}

func wantReset(t *testing.T, nc net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, nc); !isReset(err) {
		t.Fatalf("Read failed with %v, want ECONNRESET", err)
	}
}
