package mux

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestYamuxBlackhole: a peer that vanishes is noticed after the heartbeat and its timeout.
func TestYamuxBlackhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := ourPair(t, nil)
		x, _ := openBoth(t, c, s)
		synctest.Wait()
		start := time.Now()
		c.nc.(*memnet.Conn).BlockReads(true)
		c.nc.(*memnet.Conn).BlockWrites(true)
		read := make(chan error, 1)
		go func() {
			_, err := x.Read(make([]byte, 1))
			read <- err
		}()
		if _, err := c.Ping(context.Background()); !errors.Is(err, ErrYamuxLost) {
			t.Errorf("Ping: %v", err)
		}
		if d := time.Since(start); d > 25*time.Second || d < 15*time.Second {
			t.Errorf("noticed after %v", d) // by the write's timeout or the heartbeat's
		}
		if err := <-read; !errors.Is(err, ErrYamuxLost) || errors.Is(err, net.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
		<-c.Done()
		<-s.Done()
	})
}

// TestYamuxHeartbeat: an idle session lives as long as pings are answered, and dies when they are not.
func TestYamuxHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, false, nil)
		start := time.Now()
		for range 100 {
			h, _ := r.next()
			if h.kind != yamuxPing || h.flags != yamuxSYN {
				t.Fatalf("got %+v", h)
			}
			r.send(yamuxPing, yamuxACK, 0, h.length)
		}
		if d := time.Since(start); d != 100*DefaultYamuxHeartbeat {
			t.Errorf("100 pings took %v", d)
		}
		for range 100 { // any sign of life will do, and puts the ping off
			synctest.Wait()
			if n := r.br.Buffered() + e.nc.(*memnet.Conn).Buffered(); n != 0 {
				t.Fatalf("%d bytes came", n)
			}
			r.send(yamuxPing, yamuxACK, 0, 0)
			wait(DefaultYamuxHeartbeat - time.Millisecond)
		}
		start = time.Now()
		<-e.Done()
		if d := time.Since(start); d > DefaultYamuxHeartbeat*5/3 {
			t.Errorf("dead after %v", d)
		}
		if err := e.Err(); !errors.Is(err, ErrYamuxLost) {
			t.Error(err)
		}
	})
}

// wait lets the bubble's time pass.
func wait(d time.Duration) { <-time.After(d) }

// TestYamuxOurPeersLive: a day of silence.
func TestYamuxOurPeersLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := ourPair(t, nil)
		wait(24 * time.Hour)
		go echoAll(s)
		echoOnce(t, c, []byte("good morning"))
	})
}

// TestYamuxPingUnanswered: a live peer that does not answer one costs that ping only.
func TestYamuxPingUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, false, nil) // the first ping stays unanswered
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if _, err := e.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
		for range 3 {
			wait(5 * time.Second)
			r.send(yamuxPing, yamuxACK, 0, 4711)
		}
		go func() {
			h, _ := r.next()
			wait(3 * time.Millisecond)
			r.send(yamuxPing, yamuxACK, 0, h.length)
		}()
		if rtt, err := e.Ping(context.Background()); rtt != 3*time.Millisecond || err != nil {
			t.Fatal(rtt, err)
		}
	})
}

// TestYamuxWriteStall: a peer that takes nothing, but is alive, is given up after the flush timeout; one that
// is slow is not.
func TestYamuxWriteStall(t *testing.T) {
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e, r := rawPeer(t, true, nil)
			st := e.open(t)
			r.want(yamuxWindowUpdate, yamuxSYN, 1, 0)
			r.send(yamuxWindowUpdate, yamuxACK, 1, 4<<20)
			synctest.Wait()
			start := time.Now()
			go st.Write(make([]byte, 4<<20))
			alive := time.NewTicker(7 * time.Second) // never in the instant of a flush timeout
			defer alive.Stop()
			for e.Err() == nil && time.Since(start) < 5*time.Minute {
				r.send(yamuxPing, yamuxACK, 0, 0)
				if slow {
					io.CopyN(io.Discard, r.nc, yamuxWritePiece)
				}
				<-alive.C
			}
			if slow != (e.Err() == nil) {
				t.Errorf("slow %v: after %v: %v", slow, time.Since(start), e.Err())
			}
			if d := time.Since(start); !slow && (d < DefaultYamuxFlushTimeout || d > 2*DefaultYamuxFlushTimeout+10*time.Second) {
				t.Errorf("given up after %v", d)
			}
		})
	}
}

func TestYamuxAbort(t *testing.T) {
	c, s := ourPair(t, nil)
	x, y := openBoth(t, c, s)
	why := errors.New("fire")
	c.Abort(why)
	<-c.Done()
	for _, err := range []error{c.Err(), second(x.Read(make([]byte, 1))), second(x.Write([]byte("x")))} {
		if !errors.Is(err, why) || !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
	<-s.Done()
	if _, err := y.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if c.LocalAddr() == nil || c.RemoteAddr() == nil {
		t.Error("no addresses")
	}
}

// TestYamuxFail: a violation found outside of the reader ends the session like one found there.
func TestYamuxFail(t *testing.T) {
	e, r := rawPeer(t, false, nil)
	e.l.Fail(errors.New("outrage"))
	r.want(yamuxGoAway, 0, 0, yamuxProtocolError)
	r.nc.Close()
	<-e.Done()
	if err := e.Err(); err.Error() != "gantline: yamux: protocol error: outrage" {
		t.Error(err)
	}
}
