package conn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// racing is a broken session with resumes of the client that the test lets through.
type racing struct {
	*rejoin
	fars []*memnet.Conn
}

// try begins a resume over a new carrier, which prepare has before anything is written.
func (x *racing) try(ctx context.Context, prepare func(near, far *memnet.Conn)) (near, far *memnet.Conn, end chan error) {
	near, far = memnet.Pipe()
	prepare(near, far)
	x.near, x.fars = near, append(x.fars, far)
	go Accept(context.Background(), far, x.cfg)
	end = make(chan error, 1)
	go func() { end <- x.c.Resume(ctx, near) }()
	synctest.Wait()
	return near, far, end
}

func free(_, _ *memnet.Conn) {}

// deaf keeps what the client says from the server, mute what the server says from the client.
func deaf(_, far *memnet.Conn)  { far.BlockReads(true) }
func mute(near, _ *memnet.Conn) { near.BlockReads(true) }

func race(t *testing.T, f func(t *testing.T, x *racing)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := &racing{rejoin: newRejoin(t, Config{})}
		x.exchange(1)
		<-time.After(time.Second) // acknowledged
		x.cut()
		defer x.over()
		f(t, x)
	})
}

func (x *racing) over() {
	for _, far := range x.fars {
		far.BlockReads(false)
	}
	abort(x.c, x.s)
}

// TestResumeLateAttempt: of two attempts at once either may be quicker. The other one, which the server sees when the
// session goes on already, is refused and harms nothing, and the session is resumed once.
func TestResumeLateAttempt(t *testing.T) {
	for _, quick := range []int{0, 1} {
		for _, ended := range []bool{false, true} {
			race(t, func(t *testing.T, x *racing) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				_, _, first := x.try(ctx, deaf)
				_, _, second := x.try(ctx, deaf)
				ends := []chan error{first, second}
				x.fars[quick].BlockReads(false)
				if err := <-ends[quick]; err != nil {
					t.Fatal(err)
				}
				x.exchange(2)
				late := ends[1-quick]
				if ended { // the client does not wait for it, but what it has said is on its way
					cancel()
					<-late
				}
				x.fars[1-quick].BlockReads(false)
				synctest.Wait()
				if !ended {
					if err := <-late; !errors.Is(err, ErrStaleEpoch) {
						t.Errorf("the late one: %v", err)
					}
				}
				x.exchange(3)
				if c, s := x.c.Stats().Resumes, x.s.Stats().Resumes; c != 1 || s != 1 {
					t.Errorf("%d and %d resumes", c, s)
				}
			})
		}
	}
}

// TestResumeLostWelcome: the server has taken an attempt whose answer does not arrive. The other one learns that, and the
// next one takes over.
func TestResumeLostWelcome(t *testing.T) {
	race(t, func(t *testing.T, x *racing) {
		near, _, first := x.try(t.Context(), mute)
		_, _, second := x.try(t.Context(), free)
		if err := <-second; !errors.Is(err, ErrStaleEpoch) {
			t.Fatalf("the second: %v", err)
		}
		_, _, third := x.try(t.Context(), free)
		if err := <-third; err != nil {
			t.Fatal(err)
		}
		x.exchange(2)
		near.BlockReads(false)
		if err := <-first; err == nil {
			t.Error("the first one has won as well")
		}
		x.exchange(3)
		if x.c.Epoch() != 2 {
			t.Errorf("epoch %d", x.c.Epoch())
		}
	})
}

// TestResumeOldAnswer: the answer to an attempt comes when a newer one is on its way, which the server will take too. What
// that says of our position must stay true: the old answer does not count.
func TestResumeOldAnswer(t *testing.T) {
	race(t, func(t *testing.T, x *racing) {
		near, _, first := x.try(t.Context(), mute)
		_, _, second := x.try(t.Context(), free)
		if err := <-second; !errors.Is(err, ErrStaleEpoch) {
			t.Fatalf("the second: %v", err)
		}
		_, far, third := x.try(t.Context(), deaf)
		send(x.s, 2, []byte("back")) // over the first one
		near.BlockReads(false)
		if err := <-first; !errors.Is(err, ErrNotBroken) {
			t.Fatalf("the first: %v", err)
		}
		synctest.Wait()
		far.BlockReads(false)
		if err := <-third; err != nil {
			t.Fatalf("the third: %v", err)
		}
		if n := len(x.ct.wantFrames(t, 2)); n != 2 {
			t.Errorf("the client got %d frames", n)
		}
		x.cut()
		_, _, fourth := x.try(t.Context(), free)
		if err := <-fourth; err != nil {
			t.Fatal(err)
		}
		send(x.s, 2, []byte("back"))
		if n := len(x.ct.wantFrames(t, 3)); n != 3 {
			t.Errorf("the client got %d frames", n)
		}
	})
}

// TestResumeEpochsShared: attempts that are under way at once have one epoch, until the server says that it has seen it.
func TestResumeEpochsShared(t *testing.T) {
	race(t, func(t *testing.T, x *racing) {
		want := func(epoch uint64) {
			t.Helper()
			if got := x.c.Epoch(); got != epoch {
				t.Errorf("epoch %d, want %d", got, epoch)
			}
		}
		first, endFirst := context.WithCancel(t.Context())
		second, endSecond := context.WithCancel(t.Context())
		_, _, a := x.try(first, deaf)
		want(1)
		_, _, b := x.try(second, deaf)
		want(1)
		endFirst()
		<-a
		_, _, c := x.try(second, deaf)
		want(1)
		endSecond()
		_, _ = <-b, <-c // none is left
		_, _, d := x.try(t.Context(), mute)
		want(2)
		_, _, e := x.try(t.Context(), free)
		if err := <-e; !errors.Is(err, ErrStaleEpoch) {
			t.Error(err)
		}
		_, _, f := x.try(t.Context(), free)
		want(3)
		if err := <-f; err != nil {
			t.Error(err)
		}
		<-d
		x.exchange(2)
	})
}

// TestResumesEnd: whatever ends the link while two attempts are under way ends both, and HandleClose is called once.
func TestResumesEnd(t *testing.T) {
	for name, end := range map[string]func(l *Link){
		"abort":  func(l *Link) { l.Abort(nil) },
		"close":  func(l *Link) { _ = l.Close(context.Background(), frame.OK, "") },
		"expiry": func(*Link) { <-time.After(2 * DefaultExpiry) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &racing{rejoin: newRejoin(t, Config{HandshakeTimeout: 90 * time.Second})}
				x.cut()
				if name == "expiry" { // which gives an attempt that has begun its own time, once
					_, _, early := x.try(t.Context(), deaf)
					<-early
				}
				_, _, a := x.try(t.Context(), deaf)
				_, _, b := x.try(t.Context(), deaf)
				if x.c.Lose(errors.New("no session")) {
					t.Error("lost while it is being resumed")
				}
				end(x.c)
				<-x.c.Done()
				if err := errors.Join(<-a, <-b); err == nil {
					t.Error("resumed")
				}
				x.ct.wantClose(t)
				x.over()
			})
		})
	}
}
