package chaos

import (
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"
)

// TestExactOffsets resets, ends and half-closes at many offsets of both sides. The receiver begins to read only
// after a reset, which must not cost it a byte.
func TestExactOffsets(t *testing.T) {
	offsets := []int{0, 1, 2, 7, 8, 9, 100, 1447, 1448, 1449, 4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 100000}
	for _, fault := range []string{"rst", "fin", "half"} {
		for _, side := range []Side{Up, Down} {
			for _, n := range offsets {
				text := fmt.Sprintf("%s@%s:%d", fault, side, n)
				b := newBench(t, rules(text))
				if n == 0 && fault == "rst" {
					if nc, err := b.tryDial(); err == nil { // the reset may also come before its dial is done
						wantEnd(t, nc, 0, 0, syscall.ECONNRESET)
						nc.Close()
					}
					continue
				}
				p := b.pair(t)
				from, to := p.ends(side)
				sent := n + 1 + n/3
				go from.Write(pattern(0, sent))
				end := io.EOF
				if fault == "rst" {
					end = error(syscall.ECONNRESET)
					b.fired(t, RST, 1)
					eventually(t, "the connection is over", func() bool { return len(b.Conns()) == 0 })
				}
				wantEnd(t, to, 0, n, end)
				c := b.Counters()
				if got := c.BytesUp + c.BytesDown; got != int64(n) {
					t.Errorf("%s: the counters have %d bytes", text, got)
				}
				if e := b.Events(); len(e) != 1 || e[0].Up+e[0].Down != int64(n) || e[0].Rule != MustParse(text)[0].String() {
					t.Errorf("%s: events %+v", text, e)
				}
				p.c.Close()
				p.s.Close()
			}
		}
	}
}

// TestExactBothSides: the sum of both directions is exact while both are busy. So is the total of many
// connections.
func TestExactBothSides(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		conns int
	}{{"rst@both:200001", 1}, {"rst@total.up:200001", 4}, {"rst@total.both:200001", 4}} {
		b := newBench(t, rules(tt.rule))
		var got [2]chan int
		for i := range got {
			got[i] = make(chan int, tt.conns)
		}
		var pairs []pair
		for range tt.conns {
			pairs = append(pairs, b.pair(t))
		}
		for _, p := range pairs {
			for _, nc := range []io.Writer{p.c, p.s} {
				go func() {
					for off := 0; ; off += 1000 {
						if _, err := nc.Write(pattern(off, 1000)); err != nil {
							return
						}
					}
				}()
			}
			for i, nc := range []io.Reader{p.s, p.c} {
				go func() {
					n, _ := io.Copy(io.Discard, nc)
					got[i] <- int(n)
				}()
			}
		}
		sum := 0
		for range tt.conns {
			sum += <-got[0]
			if n := <-got[1]; MustParse(tt.rule)[0].Trigger.Side == Both {
				sum += n
			}
		}
		c := b.Counters()
		if sum != 200001 || c.Unsettled != 0 {
			t.Errorf("%s: %d bytes were received, %+v", tt.rule, sum, c)
		}
	}
}

// TestSettle: a reset waits for a receiver that is slow to read, and loses nothing. It does not wait longer
// than allowed.
func TestSettle(t *testing.T) {
	const n = 200000 // fits into the buffers of a sender, not into those of a receiver on Linux
	for _, settle := range []time.Duration{0, 20 * time.Millisecond, -1} {
		b := newBench(t, &Config{Rules: MustParse(fmt.Sprintf("rst@up:%d", n)), Settle: settle})
		p := b.pair(t)
		go p.c.Write(make([]byte, n+1))
		b.fired(t, RST, 1)
		if settle != 0 {
			eventually(t, "the connection is over", func() bool { return b.Counters().Open == 0 })
		} else {
			time.Sleep(30 * time.Millisecond)
		}
		got, err := io.Copy(io.Discard, p.s)
		lost := b.Counters().Unsettled > 0 || settle < 0
		if got > n || got < n && !lost || !isReset(err) {
			t.Errorf("settle %v: got %d bytes, %v, %+v", settle, got, err, b.Counters())
		}
		t.Logf("settle %v: %d of %d bytes arrived", settle, got, n)
	}
}

// TestEveryOffset flips one bit in each hundredth byte.
func TestEveryOffset(t *testing.T) {
	b := newBench(t, rules("flip@up.every:100"))
	p := b.pair(t)
	go p.c.Write(make([]byte, 1050))
	got := make([]byte, 1050)
	if _, err := io.ReadFull(p.s, got); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if flipped := v != 0; flipped != (i > 0 && i%100 == 0) {
			t.Errorf("byte %d is %d", i, v)
		}
	}
	if c := b.Counters(); c.Faults[Flip] != 10 || c.Flipped != 10 {
		t.Errorf("counters: %+v", c)
	}
}

// TestSeed: the same seed makes the same decisions, for each connection on its own.
func TestSeed(t *testing.T) {
	run := func(seed uint64) (offsets []int64, data []byte) {
		b := newBench(t, &Config{Rules: MustParse("flip:4@up:1-500", "rst@up:1000-60000"), Seed: seed})
		for range 3 {
			p := b.pair(t)
			go p.c.Write(make([]byte, 64<<10))
			got, _ := io.ReadAll(p.s)
			offsets = append(offsets, int64(len(got)))
			data = append(data, got...)
		}
		return offsets, data
	}
	o1, d1 := run(1)
	o2, d2 := run(1)
	o3, d3 := run(2)
	if fmt.Sprint(o1) != fmt.Sprint(o2) || string(d1) != string(d2) {
		t.Errorf("one seed, two outcomes: %v and %v", o1, o2)
	}
	if fmt.Sprint(o1) == fmt.Sprint(o3) || string(d1) == string(d3) {
		t.Errorf("two seeds, one outcome: %v", o1)
	}
	if o1[0] == o1[1] || o1[1] == o1[2] {
		t.Errorf("all connections are the same: %v", o1)
	}
}

// TestSourcePinned: what a seed means does not change from one version to the next.
func TestSourcePinned(t *testing.T) {
	s := newSource(7, 1, 2)
	got := [3]int64{s.draw(Span{0, 999}), s.draw(Span{5, 5}), s.draw(Span{0, 999})}
	if want := [3]int64{230, 5, 928}; got != want {
		t.Errorf("draws are %v, want %v", got, want)
	}
}
