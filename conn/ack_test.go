package conn

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

func (p *peer) wantAck() frame.Ack {
	p.Helper()
	a, err := frame.ParseAck(p.want(frame.TypeAck))
	if err != nil {
		p.Fatal(err)
	}
	return a
}

// TestAckAfterDelay wants one ACK, 10 ms after the first frame.
func TestAckAfterDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, p := scripted(t, nil)
		p.settle()
		begin := time.Now()
		one := data(2, make([]byte, 100))
		p.send(one)
		synctest.Wait()
		p.send(one)
		if a := p.wantAck(); a.Position != uint64(2*len(one)) {
			t.Errorf("position %d", a.Position)
		}
		if d := time.Since(begin); d != ackDelay {
			t.Errorf("after %v", d)
		}
		p.wantIdle(time.Second)
		p.send(one) // and the same again
		begin = time.Now()
		p.wantAck()
		if d := time.Since(begin); d != ackDelay {
			t.Errorf("the second time after %v", d)
		}
	})
}

// TestAckTorn wants a frame to be acknowledged when all of it is there, however long that takes.
func TestAckTorn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, p := scripted(t, nil)
		p.settle()
		one := data(2, make([]byte, 100))
		p.send(append(one[:len(one):len(one)], one[:60]...))
		if a := p.wantAck(); a.Position != uint64(len(one)) {
			t.Errorf("position %d with half of the second frame", a.Position)
		}
		p.wantIdle(time.Second)
		if r := l.Stats().Received; r != uint64(len(one)) {
			t.Errorf("position %d", r)
		}
	})
}

// TestAckAlone wants an ACK at once when enough has come: 128 KiB, or a quarter
// of what the peer keeps.
func TestAckAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		log   uint32
		bytes int
	}{
		"log of 512 KiB": {512 << 10, 128 << 10},
		"log of 4 MiB":   {4 << 20, 128 << 10},
		"log of 64 KiB":  {64 << 10, 16 << 10},
		"log of 16 KiB":  {16 << 10, 4 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe(memnet.WithBuffer(1 << 20))
				p := &peer{TB: t, nc: b, r: frame.NewReader(b, frame.DefaultMaxPayload)}
				w := validWelcome()
				w.Limits.Log = tt.log
				b.Write(message(frame.TypeWelcome, frame.AppendWelcome(nil, &w)))
				l, err := Client(t.Context(), a, silent(nil))
				if err != nil {
					t.Fatal(err)
				}
				defer abort(l)
				p.readPreface()
				p.want(frame.TypeHello)
				l.Start(newTap())
				p.settle()

				begin := time.Now()
				body := make([]byte, 1<<10-frame.HeaderLen)
				for i := 1; i < tt.bytes>>10; i++ {
					p.send(data(2, body))
				}
				synctest.Wait()
				if n := a.Counters().BytesWritten - b.Counters().BytesRead; n != 0 {
					t.Errorf("%d bytes came too early", n)
				}
				p.send(data(2, body))
				if a := p.wantAck(); a.Position != uint64(tt.bytes) || time.Since(begin) != 0 {
					t.Errorf("position %d after %v", a.Position, time.Since(begin))
				}
				l.Abort(nil)
				<-l.Done()
				b.Close()
			})
		})
	}
}

// TestAckAskedLate: whoever asks for an ACK when one has just announced everything must not keep the next from being
// sent. The first ask is what the reader, or Release, does when the writer overtakes it.
func TestAckAskedLate(t *testing.T) {
	for name, ask := range map[string]func(*Link){
		"reader":  (*Link).askAck,
		"release": func(l *Link) { l.recv.ackAsked.Store(true); l.armAck(0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _, p := scripted(t, nil)
				p.settle()
				ask(l)
				p.wantIdle(time.Second)
				begin := time.Now()
				for range 2 {
					p.send(data(2, make([]byte, ackByItself/2)))
				}
				p.wantAck()
				l.Release(0, relByItself)
				p.wantAck()
				if d := time.Since(begin); d != 0 {
					t.Errorf("after %v", d)
				}
			})
		})
	}
}

// TestAckWithData wants an ACK before data when 32 KiB wait for one, and none
// when less do.
func TestAckWithData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, p := scripted(t, nil)
		p.settle()
		body := make([]byte, 16<<10-frame.HeaderLen)
		p.send(data(2, body))
		synctest.Wait()
		send(l, 1, []byte("x"))
		p.want(frame.TypeData)
		p.send(data(2, body))
		synctest.Wait()
		send(l, 1, []byte("x"))
		if a := p.wantAck(); a.Position != 32<<10 {
			t.Errorf("position %d", a.Position)
		}
		p.want(frame.TypeData)
		p.wantIdle(time.Second)
	})
}

// TestRelease wants released counters in ACKs: after 10 ms, or at once when
// there are many, and never without news.
func TestRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, nil)
		p.settle()
		begin := time.Now()
		l.Release(1, 1000)
		l.Release(2, 5)
		l.Release(1, 1000)
		if a := p.wantAck(); a.Released != [frame.Groups]uint64{0, 2000, 5} || time.Since(begin) != ackDelay {
			t.Errorf("released %v after %v", a.Released, time.Since(begin))
		}
		begin = time.Now()
		l.Release(0, relByItself-1)
		synctest.Wait()
		l.Release(0, 1)
		if a := p.wantAck(); a.Released[0] != relByItself || time.Since(begin) != 0 {
			t.Errorf("released %v after %v", a.Released, time.Since(begin))
		}
		l.Release(0, 100)
		p.ping(frame.TypePing, 1, 0)
		if x, _ := frame.ParsePing(p.want(frame.TypePong)); x.Ack.Released[0] != relByItself+100 {
			t.Errorf("PONG tells %v", x.Ack.Released)
		}
		p.wantIdle(time.Second) // the PONG has announced it

		p.ack(0, 7, 8, 9)
		synctest.Wait()
		tap.mu.Lock()
		if tap.released != [frame.Groups]uint64{7, 8, 9} {
			t.Errorf("handler got %v", tap.released)
		}
		tap.mu.Unlock()
	})
}

// TestFillAgain leaves bulk waiting for room and wants Fill to be called when
// the peer has acknowledged, and again after each flush.
func TestFillAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := unstarted(t, &Config{Limits: frame.Limits{Log: 64 << 10}})
		tap := newTap()
		left, calls := 0, 0
		body := make([]byte, 4<<10-frame.HeaderLen)
		tap.fill = func() bool {
			calls++
			if l.Unsent() > 0 { // one frame per flush
				return false
			}
			if left > 0 && l.Room() < 4<<10 {
				return true
			}
			if left > 0 {
				left--
				put(l, 1, body)
			}
			return false
		}
		l.Start(tap)
		p.settle()
		l.Lock()
		left = 100
		l.Wake()
		l.Unlock()
		var got uint64
		for n := 0; n < 100; {
			h, b := p.next()
			if h.Type != frame.TypeData {
				continue
			}
			n++
			got += uint64(frame.HeaderLen + len(b))
			synctest.Wait()
			l.Lock()
			if room := l.Room(); room < 0 {
				t.Errorf("room %d", room)
			}
			l.Unlock()
			if n%10 == 0 {
				p.ack(got)
			}
		}
		p.ack(got)
		synctest.Wait()
		if calls > 500 {
			t.Errorf("Fill was called %d times for 100 frames", calls)
		}
		if s := l.Stats(); s.LogUnacked != 0 || s.LogMemory != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestOverrun appends without looking at Room to a peer that does not read.
func TestOverrun(t *testing.T) {
	l, tap, p := scripted(t, &Config{Limits: frame.Limits{Log: 64 << 10}}, memnet.WithBuffer(16<<10))
	body := make([]byte, 32<<10)
	n := 0
	for ; l.State() == StateUp && n < 1000; n++ {
		send(l, 1, body)
		l.Lock()
		over := l.bye.deaf.Load()
		l.Unlock()
		if over {
			break
		}
	}
	if max := (64<<10 + reserve) / len(body); n > max+1 {
		t.Errorf("%d frames were appended, want about %d", n, max)
	}
	p.nc.Close()
	if err := tap.wantClose(t); err == nil {
		t.Error("no error")
	}
	<-l.Done()
	l.Lock()
	defer l.Unlock()
	if b, _ := l.Tail(); b != nil || l.Extend(1) != nil || len(l.Alloc(1<<20)) != 1<<20 || l.send.log.mem != 0 {
		t.Error("a closed link still takes frames")
	}
}

// TestTail makes the last frame longer until a flush has taken it.
func TestTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, p := scripted(t, nil)
		p.settle()
		l.Lock()
		at := l.Appended()
		put(l, 1, []byte("ab"))
		last, spare := l.Tail()
		if len(last) != frame.HeaderLen+2 || spare < 64<<10 || l.Sent() != at {
			t.Errorf("tail of %d bytes, %d spare", len(last), spare)
		}
		copy(l.Extend(2), "cd")
		last, _ = l.Tail()
		frame.PutHeader(last, frame.Header{Type: frame.TypeData, Length: 4, ID: 1})
		l.Wake()
		l.Unlock()
		if b := p.want(frame.TypeData); string(b) != "abcd" {
			t.Errorf("got %q", b)
		}
		l.Lock()
		defer l.Unlock()
		if last, _ := l.Tail(); last != nil || l.Sent() != at+frame.HeaderLen+4 || l.Unsent() != 0 {
			t.Error("the flush has not taken it")
		}
	})
}
