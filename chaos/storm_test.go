package chaos

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// TestStorm lets seeded rules of all kinds loose on busy connections, injects more, and closes in the middle.
// What arrives is always a beginning of what was sent, and Close leaves nothing running.
func TestStorm(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			storm(t, seed)
		})
	}
}

func storm(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	faults := []string{"rst", "fin", "half", "half.up", "stall", "stall.down", "blackhole", "blackhole.up",
		"drip:100/100us", "cap:1M/s", "latency:2ms+-2ms", "outage", "flap:5ms/5ms"}
	cfg := &Config{Seed: seed}
	for range 4 {
		f := pick(faults...)
		text := f + "@" + pick("up:1-60000", "down:1-60000", "both:1-60000", "total.both:1-200000", "age:1ms-30ms", "t:1ms-30ms",
			"every:10ms-20ms", "up.every:20000-50000", "total.down.every:10000-90000")
		if MustFault(f).Kind.info().lasts {
			text += "+1ms-10ms"
		}
		cfg.Rules = append(cfg.Rules, MustParse(text)...)
	}
	b := newBench(t, cfg)
	data := pattern(0, 100000)
	var wg sync.WaitGroup
	busy := func(nc net.Conn) {
		wg.Add(2)
		go func() {
			defer wg.Done()
			nc.Write(data)
		}()
		go func() {
			defer wg.Done()
			defer nc.Close()
			var got bytes.Buffer
			if got.ReadFrom(nc); !bytes.HasPrefix(data, got.Bytes()) {
				t.Errorf("%v: %d bytes arrived that are not a beginning of what was sent", cfg.Rules, got.Len())
			}
		}()
	}
	for end := time.Now().Add(80 * time.Millisecond); time.Now().Before(end); time.Sleep(3 * time.Millisecond) {
		if nc, err := b.tryDial(); err == nil {
			busy(nc)
		}
		for len(b.accepted) > 0 {
			busy(<-b.accepted)
		}
		switch r.IntN(6) {
		case 0:
			b.Inject(MustFault(pick(faults...)))
		case 1:
			b.Inject(MustFault("rst"), 1+r.IntN(10))
		case 2:
			b.Heal()
		}
	}
	start := time.Now()
	if err := b.Proxy.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > patience/2 {
		t.Errorf("%v: Close took %v", cfg.Rules, took)
	}
	b.target.Close()
	for nc := range b.accepted {
		busy(nc)
	}
	wg.Wait()
	if c := b.Counters(); c.Open != 0 || len(b.Conns()) != 0 {
		t.Errorf("after Close: %+v", c)
	}
}
