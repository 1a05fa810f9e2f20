package mux

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
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
			alive := time.NewTicker(10 * time.Second)
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

// TestYamuxClose: what was written and the ends come first, then a go away, then the end.
func TestYamuxClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, true, nil)
		st := e.open(t)
		st.Write([]byte("last words"))
		blocked := make(chan error, 1)
		go func() {
			_, err := e.open(t).Write(make([]byte, yamuxWindow+1))
			blocked <- err
		}()
		synctest.Wait()
		r.send(yamuxWindowUpdate, yamuxSYN, 2, 0)
		synctest.Wait()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := e.Close(context.Background()); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		}
		synctest.Wait()
		if err := <-blocked; !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked Write: %v", err)
		}
		for _, err := range []error{
			second(st.Write([]byte("x"))), second(e.s.OpenStream(t.Context(), &Open{}, nil)), second(e.Ping(t.Context())), e.Err(),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("while closing: %v", err)
			}
		}
		r.want(yamuxWindowUpdate, yamuxSYN, 1, 0)
		if p := r.want(yamuxData, 0, 1, 10); string(p) != "last words" {
			t.Errorf("got %q", p)
		}
		r.want(yamuxWindowUpdate, yamuxSYN, 3, 0)
		total, ends := uint32(0), 0
		for {
			h, _ := r.next()
			if h.kind == yamuxData {
				total += h.length
			} else if h.flags&yamuxFIN != 0 {
				ends++
			} else if h.kind == yamuxGoAway {
				break
			}
		}
		if total != yamuxWindow || ends != 3 {
			t.Errorf("%d bytes and %d ends came", total, ends)
		}
		if _, err := r.br.ReadByte(); err != io.EOF {
			t.Errorf("behind the go away: %v", err)
		}
		r.send(yamuxData, yamuxFIN, 1, 6, []byte("so are")...) // can still be read
		if got, err := io.ReadAll(st); string(got) != "so are" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		r.nc.Close()
		wg.Wait()
	})
}

func second[T any](_ T, err error) error { return err }

// TestYamuxCloseTimeout: a peer that does not hang up, or does not read, cannot hold Close.
func TestYamuxCloseTimeout(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			e, r := rawPeer(t, true, nil)
			r.nc.(*memnet.Conn).BlockReads(!reads)
			st := e.open(t)
			go st.Write(make([]byte, 1<<20))
			synctest.Wait()
			start := time.Now()
			if err := e.Close(context.Background()); err == nil {
				t.Error("Close: no error")
			}
			if d := time.Since(start); d != DefaultYamuxCloseTimeout {
				t.Errorf("Close took %v", d)
			}
			if !errors.Is(e.Err(), net.ErrClosed) {
				t.Error(e.Err())
			}
		})
	}
}

func TestYamuxCloseContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := rawPeer(t, true, nil)
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errors.New("no time"))
		defer cancel()
		start := time.Now()
		if err := e.Close(ctx); err == nil || err.Error() != "gantline: yamux: session closed: no time" {
			t.Errorf("Close: %v", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("Close took %v", d)
		}
	})
}

// TestYamuxCloseBoth: both ends close at once.
func TestYamuxCloseBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := ourPair(t, nil)
		x, y := openBoth(t, c, s)
		x.Write([]byte("from c"))
		y.Write([]byte("from s"))
		var wg sync.WaitGroup
		for _, e := range []*yamuxEnd{c, s} {
			wg.Go(func() {
				if err := e.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		for want, nc := range map[string]net.Conn{"from s": x, "from c": y} {
			if got, err := io.ReadAll(nc); string(got) != want || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		}
		start := time.Now()
		wg.Wait()
		if d := time.Since(start); d > 0 {
			t.Errorf("Close took %v", d)
		}
	})
}

// TestYamuxPeerCloses: what is in the log still goes out.
func TestYamuxPeerCloses(t *testing.T) {
	c, s := ourPair(t, nil)
	x, y := openBoth(t, c, s)
	closed := make(chan error, 1)
	go func() { closed <- c.Close(context.Background()) }()
	data := pattern(100_000, 3)
	if _, err := y.Write(data); err == nil { // else the end was known before
		got := make([]byte, len(data))
		if _, err := io.ReadFull(x, got); err != nil || string(got) != string(data) {
			t.Errorf("read: %v", err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestYamuxPipe: a connection that cannot end its write side alone is closed behind the last word.
func TestYamuxPipe(t *testing.T) {
	a, b := net.Pipe()
	c, s := newOurs(t, a, true, nil), newOurs(t, b, false, nil)
	x, y := openBoth(t, c, s)
	x.Write([]byte("bye"))
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(y); string(got) != "bye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	<-s.Done()
	if !errors.Is(s.Err(), net.ErrClosed) {
		t.Error(s.Err())
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
