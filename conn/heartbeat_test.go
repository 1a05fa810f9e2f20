package conn

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestHeartbeat is a peer that answers for a while and then not.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, &Config{Heartbeat: 6 * time.Second})
		p.settle()
		begin := time.Now()
		for i := 1; i <= 3; i++ {
			x := p.wantPing()
			if d := time.Since(begin); d != time.Duration(i)*6*time.Second {
				t.Errorf("PING %d after %v", i, d)
			}
			p.ping(frame.TypePong, x.Opaque, 0)
		}
		p.wantPing()
		err := tap.wantClose(t)
		if !errors.Is(err, ErrHeartbeat) || !errors.Is(err, ErrSessionLost) {
			t.Errorf("closed with %v", err)
		}
		if d := time.Since(begin); d != 4*6*time.Second+4*time.Second {
			t.Errorf("closed after %v", d)
		}
		<-l.Done()
		p.wantEnd()
	})
}

// TestHeartbeatAnyByte keeps a link alive with bytes that make no frame yet.
func TestHeartbeatAnyByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, &Config{Heartbeat: 6 * time.Second})
		p.settle()
		begin := time.Now()
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for _, b := range data(2, []byte("slow")) {
			p.send([]byte{b})
			<-tick.C
		}
		p.wantAck()
		if len(tap.got()) != 1 || l.State() != StateUp {
			t.Errorf("%d frames, %v", len(tap.got()), l.State())
		}
		p.wantPing()
		if d := time.Since(begin); d < 80*time.Second {
			t.Errorf("PING after %v", d)
		}
	})
}

// TestBlackhole stops everything between two links: both notice.
func TestBlackhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, ct, st := pair(t, &Config{Heartbeat: 15 * time.Second})
		synctest.Wait()
		a, b := c.NetConn().(*memnet.Conn), s.NetConn().(*memnet.Conn)
		a.BlockReads(true)
		b.BlockReads(true)
		begin := time.Now()
		for _, tap := range []*tap{ct, st} {
			if err := tap.wantClose(t); !errors.Is(err, ErrHeartbeat) && !errors.Is(err, ErrSessionLost) {
				t.Errorf("closed with %v", err)
			}
		}
		if d := time.Since(begin); d > 25*time.Second {
			t.Errorf("noticed after %v", d)
		}
		<-c.Done()
		<-s.Done()
	})
}

// TestIdleForHours shows that two links keep each other alive, and that the
// round trip is known.
func TestIdleForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _, _ := pair(t, nil, memnet.WithLatency(5*time.Millisecond))
		<-time.After(3 * time.Hour)
		for _, l := range []*Link{c, s} {
			if l.State() != StateUp || l.RTT() != 10*time.Millisecond {
				t.Errorf("%v, round trip %v", l.State(), l.RTT())
			}
			if n := l.Stats().FramesIn; n > 3*3600/15*2+10 {
				t.Errorf("%d frames while idle", n)
			}
		}
		finish(t, c, s)
	})
}

// TestBusyReader keeps the reader in user code for longer than the heartbeat:
// the silence is our own.
func TestBusyReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		cfg := &Config{Heartbeat: 3 * time.Second}
		c, s := shake(t, a, b, cfg, &Config{Heartbeat: time.Minute})
		ct := newTap()
		ct.onFrame = func(frame.Header, *frame.Reader) error {
			c.EnterUser()
			<-time.After(time.Minute)
			c.LeaveUser()
			return nil
		}
		s.peer.Heartbeat = time.Minute // or it would lose patience
		c.Start(ct)
		s.Start(newTap())
		send(s, 2, []byte("x"))
		<-time.After(2 * time.Minute)
		if c.State() != StateUp {
			t.Error(c.Err())
		}
		finish(t, c, s)
	})
}

// TestStalled blocks the carrier's Write for longer than the flush timeout,
// while the peer goes on talking.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, &Config{FlushTimeout: 4 * time.Second, Heartbeat: time.Minute})
		p.settle()
		a := l.NetConn().(*memnet.Conn)
		for range 3 { // shorter stalls do no harm
			a.BlockWrites(true)
			send(l, 1, []byte("x"))
			<-time.After(3 * time.Second)
			a.BlockWrites(false)
			p.want(frame.TypeData)
		}
		<-time.After(500 * time.Millisecond)
		a.BlockWrites(true)
		send(l, 1, []byte("x"))
		begin := time.Now()
		err := tap.wantClose(t)
		if !errors.Is(err, ErrStalled) || !errors.Is(err, ErrSessionLost) {
			t.Errorf("closed with %v", err)
		}
		if d := time.Since(begin); d != 4*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

// TestSlowCarrier is one that takes a flush slowly: as long as acknowledgements
// come it is left alone.
func TestSlowCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, &Config{FlushTimeout: 2 * time.Second}, memnet.WithBuffer(4<<10))
		p.settle()
		l.Lock()
		for range 30 {
			put(l, 1, make([]byte, 4<<10-frame.HeaderLen))
		}
		l.Wake()
		l.Unlock()
		for i := range 30 {
			p.want(frame.TypeData)
			p.ack(uint64(i+1) << 12)
			<-time.After(time.Second)
		}
		if l.State() != StateUp || l.Stats().LogUnacked != 0 {
			t.Error(l.State(), tap.err)
		}
	})
}

// TestNoAcks is a peer that delivers frames and acknowledges nothing.
func TestNoAcks(t *testing.T) {
	for name, every := range map[string]time.Duration{"talks": time.Second, "talks now and then": 14 * time.Second, "talks little": 20 * time.Second, "silent": 0} {
		talks := every > 0
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, tap, p := scripted(t, &Config{AckTimeout: 30 * time.Second})
				p.settle()
				send(l, 1, []byte("x"))
				begin := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() { io.Copy(io.Discard, p.nc) })
				stop := make(chan struct{})
				wg.Go(func() {
					tick := time.NewTicker(max(every, time.Second))
					defer tick.Stop()
					for {
						select {
						case <-stop:
							return
						case <-tick.C:
						}
						if talks {
							p.nc.Write(data(2, []byte("y")))
						} else {
							p.nc.Write([]byte{0}) // part of a frame, for hours
						}
						if !talks && time.Since(begin) > 10*time.Second {
							return
						}
					}
				})
				err := tap.wantClose(t)
				var pe *ProtocolError
				if errors.As(err, &pe) != talks || errors.Is(err, ErrHeartbeat) == talks {
					t.Errorf("closed with %v", err)
				}
				d, atMost := time.Since(begin), 31*time.Second
				if !talks {
					atMost = 46 * time.Second // it is the heartbeat's
				}
				if d < 30*time.Second || d > atMost {
					t.Errorf("closed after %v", d)
				}
				close(stop)
				<-l.Done()
				p.nc.Close()
				wg.Wait()
			})
		})
	}
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _, _ := pair(t, nil, memnet.WithLatency(time.Millisecond))
		<-time.After(time.Second)
		before := s.Stats().FramesIn
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if d, err := c.Ping(t.Context()); err != nil || d != 2*time.Millisecond {
					t.Error(d, err)
				}
			})
		}
		wg.Wait()
		if n := s.Stats().FramesIn - before; n > 3 {
			t.Errorf("%d frames for 100 pings at a time", n)
		}
		// One after the other they keep within the peer's budget.
		begin := time.Now()
		for range 2000 {
			if _, err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(begin); d < 35*time.Second {
			t.Errorf("2000 pings in %v", d)
		}
		for range 2 { // waiting for its turn, then for the answer
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			<-time.After(time.Minute)
		}
		c.Lock()
		if len(c.beat.pinger.waiters) != 0 {
			t.Error("a Ping that gave up is still waited for")
		}
		c.Unlock()
		finish(t, c, s)
		if _, err := c.Ping(t.Context()); err == nil {
			t.Error("Ping of a closed link worked")
		}
	})
}
