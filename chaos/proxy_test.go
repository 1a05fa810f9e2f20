package chaos

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"time"
)

func (b *bench) tryDial() (*net.TCPConn, error) {
	nc, err := net.Dial("tcp", b.Addr())
	if err != nil {
		return nil, err
	}
	return nc.(*net.TCPConn), nil
}

// TestFaithful: without rules nothing changes: bytes, half-closes and resets.
func TestFaithful(t *testing.T) {
	for name, cfg := range map[string]*Config{
		"no rules": nil,
		"slow":     rules("latency:1ms+-1ms", "cap:1G/s", "drip.up:40000/1us"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, cfg)
			p := b.pair(t)
			data := make([]byte, 4<<20)
			rand.NewChaCha8([32]byte{}).Read(data)
			for _, nc := range []*net.TCPConn{p.c, p.s} {
				go func() {
					nc.Write(data)
					nc.CloseWrite()
				}()
			}
			for _, nc := range []*net.TCPConn{p.s, p.c} {
				h := sha256.New()
				if n, err := io.Copy(h, nc); n != int64(len(data)) || err != nil || [32]byte(h.Sum(nil)) != sha256.Sum256(data) {
					t.Errorf("%d bytes and %v, or other bytes", n, err)
				}
			}
			eventually(t, "the connection is over", func() bool { return b.Counters().Open == 0 })
			if c := b.Counters(); c.BytesUp != int64(len(data)) || c.BytesDown != c.BytesUp || c.DroppedUp != 0 || c.Connections != 1 {
				t.Errorf("counters: %+v", c)
			}
		})
	}
}

func TestResetPasses(t *testing.T) {
	b := newBench(t, nil)
	p := b.pair(t)
	p.s.SetLinger(0)
	p.s.Close()
	wantEnd(t, p.c, 0, 0, syscall.ECONNRESET)
}

func TestConnsAndInject(t *testing.T) {
	b := newBench(t, rules("rst@up:100#2-3"))
	ps := []pair{b.pair(t), b.pair(t), b.pair(t), b.pair(t)}
	for i, p := range ps {
		put(t, p.c, 0, 150)
		if i == 1 || i == 2 {
			wantEnd(t, p.s, 0, 100, syscall.ECONNRESET)
		} else {
			want(t, p.s, 0, 150)
		}
	}
	eventually(t, "two are over, and all is counted", func() bool { // bytes may arrive before they count
		return len(b.Conns()) == 2 && b.Counters().BytesUp == 2*150+2*100
	})
	info := b.Conns()
	if info[0].ID != 1 || info[1].ID != 4 || info[0].Up != 150 || info[0].From != ps[0].c.LocalAddr().String() {
		t.Errorf("Conns: %+v", info)
	}
	if n, err := b.Inject(MustFault("stall.down"), 4, 2); n != 1 || err != nil {
		t.Errorf("Inject = %d, %v", n, err)
	}
	put(t, ps[0].s, 0, 10)
	put(t, ps[3].s, 0, 10)
	put(t, ps[3].c, 150, 10)
	want(t, ps[0].c, 0, 10)
	want(t, ps[3].s, 150, 10)
	wantQuiet(t, ps[3].c)
	if n := b.Heal(Blackhole); n != 0 {
		t.Errorf("Heal of something else ended %d", n)
	}
	if n := b.Heal(Stall); n != 1 {
		t.Errorf("Heal ended %d", n)
	}
	want(t, ps[3].c, 0, 10)
	if n, err := b.Inject(MustFault("flip.up:2"), 1); n != 1 || err != nil {
		t.Errorf("Inject = %d, %v", n, err)
	}
	ps[0].c.Write(make([]byte, 3))
	got := make([]byte, 3)
	if _, err := io.ReadFull(ps[0].s, got); err != nil || got[0] == 0 || got[1] == 0 || got[2] != 0 {
		t.Errorf("flipped: %v, %v", got, err)
	}
	if n := b.Cut(4); n != 1 {
		t.Errorf("Cut = %d", n)
	}
	wantEnd(t, ps[3].c, 0, 0, syscall.ECONNRESET)
	if n := b.Cut(); n != 1 {
		t.Errorf("Cut = %d", n)
	}
	wantEnd(t, ps[0].c, 0, 0, syscall.ECONNRESET)
	for _, err := range []error{
		second(b.Inject(Fault{})), second(b.Inject(MustFault("outage"), 1)), second(b.Inject(MustFault("flap:1s/1s"), 1)),
	} {
		var re *RuleError
		if !errors.As(err, &re) {
			t.Errorf("Inject = %v, want a *RuleError", err)
		}
	}
	if c := b.Counters(); c.Faults[RST] != 4 || c.Faults[Stall] != 1 || c.Faults[Flip] != 1 {
		t.Errorf("counters: %+v", c)
	}
}

func second[A any](_ A, err error) error { return err }

// TestBlackholeNewConnections: they are accepted and swallow everything. If nothing was lost by then, they
// reach the target when the hole is gone.
func TestBlackholeNewConnections(t *testing.T) {
	b := newBench(t, rules("blackhole"))
	talker, silent := b.dial(t), b.dial(t)
	put(t, talker, 0, 10)
	eventually(t, "it is swallowed", func() bool { return b.Counters().DroppedUp == 10 })
	wantQuiet(t, talker, silent)
	if len(b.accepted) != 0 {
		t.Error("the target got a connection")
	}
	gone := b.dial(t)
	gone.Close()
	eventually(t, "one that was closed is over", func() bool {
		c := b.Counters()
		return c.Connections == 3 && c.Open == 2
	})
	b.Heal()
	p := pair{silent, b.accept(t)}
	put(t, p.c, 0, 10)
	want(t, p.s, 0, 10)
	wantQuiet(t, talker)
	talker.Close()
	eventually(t, "the other is over, too", func() bool { return b.Counters().Open == 1 })
}

// TestBlackholeKeepsWhole: a connection that lost nothing continues afterwards, and learns of an end that it
// did not see.
func TestBlackholeKeepsWhole(t *testing.T) {
	b := newBench(t, nil)
	p, q, half := b.pair(t), b.pair(t), b.pair(t)
	half.c.CloseWrite()
	wantEnd(t, half.s, 0, 0, io.EOF)
	b.Inject(MustFault("blackhole"))
	p.c.CloseWrite()
	half.s.Close()
	wantQuiet(t, p.s, q.s, half.c)
	b.Heal()
	wantEnd(t, half.c, 0, 0, io.EOF)
	put(t, p.s, 0, 10)
	want(t, p.c, 0, 10)
	wantEnd(t, p.s, 0, 0, io.EOF)
	put(t, q.c, 0, 10)
	want(t, q.s, 0, 10)
}

func TestFlap(t *testing.T) {
	b := newBench(t, rules("flap:60ms/60ms@t:1ms"))
	var up, refused, cut int
	for end := time.Now().Add(patience); b.Counters().Faults[Flap] < 3 || up == 0 || refused == 0; {
		if time.Now().After(end) {
			t.Fatalf("up %d times, refused %d times: %+v", up, refused, b.Counters())
		}
		nc, err := b.tryDial()
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			refused++
			time.Sleep(time.Millisecond)
			continue
		case err != nil: // caught between the kernel and the proxy
			continue
		}
		up++
		nc.SetDeadline(time.Now().Add(patience))
		if _, err := nc.Read(make([]byte, 1)); isReset(err) {
			cut++
		} else {
			t.Errorf("Read failed with %v, want ECONNRESET", err)
		}
		nc.Close()
	}
	if b.Heal(); cut != up {
		t.Errorf("up %d times, cut %d times", up, cut)
	}
	var p pair
	eventually(t, "a dial works", func() (ok bool) {
		var err error
		p.c, err = b.tryDial()
		return err == nil
	})
	defer p.c.Close()
	put(t, p.c, 0, 10)
	eventually(t, "it reaches the target", func() bool {
		p.s = b.accept(t) // earlier ones come first, and are dead
		n, _ := p.s.Read(make([]byte, 10))
		return n > 0
	})
}

func TestTargetDown(t *testing.T) {
	b := newBench(t, nil)
	b.target.Close()
	if nc, err := b.tryDial(); err == nil {
		wantEnd(t, nc, 0, 0, syscall.ECONNRESET)
		nc.Close()
	} else if !isReset(err) { // the reset may come before the dial is done
		t.Fatal(err)
	}
	if c := b.Counters(); c.DialsRefused != 1 || c.DialsFailed != 0 {
		t.Errorf("counters: %+v", c)
	}
}
