package chaos

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestNettest: without rules a Conn is a net.Conn, over memory and TCP, whichever end is wrapped.
func TestNettest(t *testing.T) {
	over := map[string]func() (a, b net.Conn, err error){
		"memnet": func() (a, b net.Conn, err error) {
			a, b = memnet.Pipe()
			return a, b, nil
		},
		"tcp": func() (a, b net.Conn, err error) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, nil, err
			}
			defer ln.Close()
			if a, err = net.Dial("tcp", ln.Addr().String()); err == nil {
				b, err = ln.Accept()
			}
			return a, b, err
		},
	}
	for name, make := range over {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				g, err := NewGroup(nil)
				if err != nil {
					return nil, nil, nil, err
				}
				a, b, err := make()
				if err != nil {
					return nil, nil, nil, err
				}
				return g.Wrap(a, Up), g.Wrap(b, Down), func() { g.Close() }, nil
			})
		})
	}
}

// wrapped is a Conn over a pipe in memory, and the pipe's other end.
func wrapped(t *testing.T, cfg *Config) (*Conn, *memnet.Conn) {
	t.Helper()
	a, b := memnet.Pipe()
	c, err := Wrap(a, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		b.Close()
		c.Group().Close()
	})
	return c, b
}

// TestConnFaults: what a user of a Conn and the other end notice, in fake time.
func TestConnFaults(t *testing.T) {
	tests := []struct {
		rule       string
		up, down   int // bytes that pass of 2000
		end, other error
	}{
		{"rst@up:1000", 1000, 0, syscall.ECONNRESET, syscall.ECONNRESET},
		{"rst@down:1000", 0, 1000, syscall.ECONNRESET, syscall.ECONNRESET},
		{"fin@up:1000", 1000, 0, io.EOF, io.EOF},
		{"half@up:1000", 1000, 0, os.ErrDeadlineExceeded, io.EOF},
		{"half@down:1000", 0, 1000, io.EOF, os.ErrDeadlineExceeded},
		{"stall@up:1000", 1000, 0, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"stall@up:1000+1s", 2000, 0, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"blackhole@up:1000+1s", 1000, 0, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"outage@up:1000", 1000, 0, syscall.ECONNRESET, syscall.ECONNRESET},
		{"flap:1s/1s", 2000, 0, syscall.ECONNRESET, syscall.ECONNRESET},
		{"rst@t:1s", 2000, 0, syscall.ECONNRESET, syscall.ECONNRESET},
		{"rst@age:1s", 2000, 0, syscall.ECONNRESET, syscall.ECONNRESET},
		{"cap:100/s", 1000, 0, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"drip:2/10ms", 2000, 0, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, other := wrapped(t, rules(tt.rule))
				deadline := time.Now().Add(10*time.Second + 5*time.Millisecond)
				c.SetReadDeadline(deadline)
				other.SetReadDeadline(deadline)
				if tt.down > 0 {
					other.Write(pattern(0, 2000))
				} else {
					c.Write(pattern(0, 2000))
				}
				var wg sync.WaitGroup
				defer wg.Wait()
				for _, e := range []struct {
					name string
					nc   net.Conn
					n    int
					end  error
				}{{"other end", other, tt.up, tt.other}, {"Conn", c, tt.down, tt.end}} {
					wg.Go(func() {
						got, err := io.ReadAll(e.nc)
						if err == nil {
							err = io.EOF
						}
						if !bytes.Equal(got, pattern(0, len(got))) || abs(len(got)-e.n) > tolerance(tt.rule) || !errors.Is(err, e.end) {
							t.Errorf("%s: %d bytes and %v, want %d and %v", e.name, len(got), err, e.n, e.end)
						}
					})
				}
			})
		})
	}
}

// tolerance is for a rate, which is not exact to the byte.
func tolerance(rule string) int {
	if MustParse(rule)[0].Fault.Kind == Cap {
		return 2
	}
	return 0
}

func abs(n int) int { return max(n, -n) }

// TestConnClose: bytes written before Close are still sent, but not for ever. What arrives afterwards is
// swallowed.
func TestConnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, other := wrapped(t, rules("latency.up:300ms"))
		c.Write(pattern(0, 1000))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close = %v", err)
		}
		other.Write(make([]byte, 100<<10))
		if got, err := io.ReadAll(other); !bytes.Equal(got, pattern(0, 1000)) || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, other := wrapped(t, rules("stall"))
		c.Write(pattern(0, 1000))
		c.Close()
		start := time.Now()
		got, err := io.ReadAll(other)
		if took := time.Since(start); len(got) != 0 || err != nil || took != finGrace {
			t.Errorf("%d bytes, %v, after %v", len(got), err, took)
		}
	})
}

func TestConnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := NewGroup(rules("outage@t:0s+1s"))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a, b := memnet.Pipe()
		c := g.Wrap(a, Up)
		if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("during the outage: %v", err)
		}
		if n := g.Counters().Refused; n != 1 {
			t.Errorf("%d refused", n)
		}
		c.Close()
		b.Close()
		time.Sleep(2 * time.Second)
		a, b = memnet.Pipe()
		c = g.Wrap(a, Up)
		c.Write([]byte("x"))
		if n, err := b.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("after the outage: %v", err)
		}
		g.Close()
		if _, err := c.Write([]byte("x")); err == nil {
			t.Error("a Conn outlived its group")
		}
		c.Close()
		late, end := memnet.Pipe()
		c = g.Wrap(late, Up)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) || c.ID() != 0 || c.Group() != nil {
			t.Errorf("a Conn of a closed group: %v", err)
		}
		if _, err := end.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("its other end: %v", err)
		}
		end.Close()
	})
}

func TestConnAddrs(t *testing.T) {
	c, other := wrapped(t, nil)
	if c.LocalAddr() != other.RemoteAddr() || c.RemoteAddr() != other.LocalAddr() || c.NetConn() == nil {
		t.Errorf("addresses: %v, %v", c.LocalAddr(), c.RemoteAddr())
	}
	if _, err := Wrap(other, &Config{Rules: []Rule{{}}}); err == nil {
		t.Error("Wrap took a rule that is none")
	}
}

// TestConnExactAfterStall: a write that a stall interrupts counts for what was sent, so that the offset stays
// exact.
func TestConnExactAfterStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, other := memnet.Pipe(memnet.WithBuffer(1000))
		c, err := Wrap(a, rules("rst@up:50000", "flip@up:30000"))
		if err != nil {
			t.Fatal(err)
		}
		go c.Write(make([]byte, 60000))
		got := make([]byte, 1500)
		for range 20 {
			synctest.Wait() // the lane is inside a Write that waits for a reader
			if _, err := c.Group().Inject(MustFault("stall")); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(other, got[:500]); err != nil {
				t.Error(err)
			}
			c.Group().Heal()
		}
		rest, err := io.ReadAll(other)
		if n := 20*500 + len(rest); n != 50000 || !errors.Is(err, syscall.ECONNRESET) || rest[30000-10000] == 0 {
			t.Errorf("%d bytes and %v", n, err)
		}
		c.Close()
		other.Close()
		c.Group().Close()
	})
}
