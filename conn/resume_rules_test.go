package conn

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// rejoin is a session whose connections the test makes and cuts by itself.
type rejoin struct {
	t      testing.TB
	c, s   *Link
	ct, st *tap
	cfg    *Config      // of the server
	near   *memnet.Conn // the client's end of the newest carrier
}

// newRejoin returns a session that is up. It ends with the test.
func newRejoin(t testing.TB, cfg Config) *rejoin {
	t.Helper()
	x := &rejoin{t: t, ct: newTap(), st: newTap()}
	cfg.OnBroken = func(*Link, error) {}
	cfg.Find = func(id [16]byte) (*Link, error) {
		if id == x.s.Peer().Session {
			return x.s, nil
		}
		return nil, nil
	}
	x.cfg = silent(&cfg)
	var b *memnet.Conn
	x.near, b = memnet.Pipe()
	x.c, x.s = shake(t, x.near, b, x.cfg, x.cfg)
	x.c.Start(x.ct)
	x.s.Start(x.st)
	return x
}

// cut breaks the carrier, and returns when both sides know.
func (x *rejoin) cut() {
	x.near.Cut()
	synctest.Wait()
}

// carrier is a new connection whose server's end is accepted.
func (x *rejoin) carrier() (near, far *memnet.Conn) {
	near, far = memnet.Pipe()
	go Accept(context.Background(), far, x.cfg)
	x.near = near
	return near, far
}

// exchange sends a frame each way and wants each side to have n then.
func (x *rejoin) exchange(n int) {
	x.t.Helper()
	send(x.c, 1, []byte("there"))
	send(x.s, 2, []byte("back"))
	x.ct.wantFrames(x.t, n)
	x.st.wantFrames(x.t, n)
	synctest.Wait()
	if c, s := len(x.ct.got()), len(x.st.got()); c != n || s != n {
		x.t.Fatalf("the client got %d frames, the server %d, want %d", c, s, n)
	}
}

// hello is a resume as the client would say it next.
func (x *rejoin) hello() *frame.Hello {
	h := &frame.Hello{MinVersion: frame.Version, MaxVersion: frame.Version, Limits: x.c.cfg.Limits, ID: x.c.localID}
	h.Resume = &frame.ResumeHello{Session: x.c.peer.Session, Epoch: x.s.Epoch() + 1, Position: x.c.recv.position.Load()}
	return h
}

// say sends h, with the proof that l makes for it, and returns the answer.
func (x *rejoin) say(l *Link, h *frame.Hello, tamper func(*frame.ResumeHello)) error {
	x.t.Helper()
	nc, far := memnet.Pipe()
	defer nc.Close()
	go Accept(context.Background(), far, x.cfg)
	mac, err := l.proof(nc, "client", frame.AppendHello(nil, h), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	h.Resume.MAC = mac
	if tamper != nil {
		tamper(h.Resume)
	}
	b := append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, h))...)
	if _, err := nc.Write(b); err != nil {
		x.t.Fatal(err)
	}
	_, w, err := readWelcome(nc)
	if err == nil && w.Resumed == nil {
		x.t.Error("a resume was answered with a new session")
	}
	return err
}

// TestResumeRefused: a resume that is stolen, replayed, foreign or impossible is refused and changes nothing, be the
// session up or waiting for its client.
func TestResumeRefused(t *testing.T) {
	other := newLink(nil, Config{}, true)
	for _, tt := range []struct {
		name   string
		code   frame.Code
		change func(x *rejoin, r *frame.ResumeHello) // before it is signed
		tamper func(*frame.ResumeHello)              // and after
		signer *Link                                 // nil = the client
	}{
		{name: "the epoch there is", code: frame.Aborted, change: func(x *rejoin, r *frame.ResumeHello) { r.Epoch-- }},
		{name: "an old epoch", code: frame.Aborted, change: func(x *rejoin, r *frame.ResumeHello) { r.Epoch = 0 }},
		{name: "no proof", code: frame.Unauthenticated, tamper: func(r *frame.ResumeHello) { r.MAC = [32]byte{} }},
		{name: "one bit of the proof", code: frame.Unauthenticated, tamper: func(r *frame.ResumeHello) { r.MAC[31] ^= 1 }},
		{name: "another epoch than was signed", code: frame.Unauthenticated, tamper: func(r *frame.ResumeHello) { r.Epoch++ }},
		{name: "another position than was signed", code: frame.Unauthenticated, tamper: func(r *frame.ResumeHello) { r.Position++ }},
		{name: "other counters than were signed", code: frame.Unauthenticated, tamper: func(r *frame.ResumeHello) { r.Released[0]++ }},
		{name: "another session's secret", code: frame.Unauthenticated, signer: other},
		{name: "an unknown session", code: frame.NotFound, change: func(x *rejoin, r *frame.ResumeHello) { r.Session[0]++ }},
		{name: "a position ahead", code: frame.OutOfRange, change: func(x *rejoin, r *frame.ResumeHello) { r.Position = x.s.send.log.sent + 1 }},
		{name: "a position too low", code: frame.OutOfRange, change: func(x *rejoin, r *frame.ResumeHello) { r.Position = x.s.send.log.acked - 1 }},
	} {
		for _, up := range []bool{true, false} {
			name := tt.name + ", session waits"
			if up {
				name = tt.name + ", session is up"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x := newRejoin(t, Config{})
					x.exchange(1)
					x.cut()
					near, _ := x.carrier()
					if err := x.c.Resume(t.Context(), near); err != nil { // so that there is an old epoch
						t.Fatal(err)
					}
					x.exchange(2)
					<-time.After(time.Second) // all is acked
					if !up {
						x.cut()
					}
					epoch := x.s.Epoch()
					h := x.hello()
					if tt.change != nil {
						tt.change(x, h.Resume)
					}
					signer := x.c
					if tt.signer != nil {
						signer = tt.signer
					}
					err := x.say(signer, h, tt.tamper)
					var refused *RefusedError
					if !errors.As(err, &refused) || refused.Code != tt.code || (refused.Epoch > 0) != (tt.code == frame.Aborted) || refused.HasPosition {
						t.Fatalf("answer %#v, want code %v", err, tt.code)
					}
					synctest.Wait()
					if x.s.Epoch() != epoch || (x.s.State() == StateUp) != up || x.s.Stats().Resumes != 1 {
						t.Errorf("the session is %v with epoch %d, %d resumes", x.s.State(), x.s.Epoch(), x.s.Stats().Resumes)
					}
					if !up {
						near, _ := x.carrier()
						if err := x.c.Resume(t.Context(), near); err != nil {
							t.Fatal(err)
						}
					}
					x.exchange(3)
				})
			})
		}
	}
}

// TestResumeClosed: a session that was closed has ended, even for a client that proves it; the answer says how far it got.
func TestResumeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		x.exchange(1)
		finish(t, x.c, x.s)
		<-x.s.Done()
		grave := x.s.Tombstone()
		for _, find := range []*Link{x.s, grave} {
			x.cfg.Find = func([16]byte) (*Link, error) { return find, nil }
			var refused *RefusedError
			err := x.say(x.c, x.hello(), nil)
			if !errors.As(err, &refused) || refused.Code != frame.OK || !refused.Closed || !refused.HasPosition || refused.Position != x.s.recv.position.Load() {
				t.Errorf("answer %#v", err)
			}
			err = x.say(x.c, x.hello(), func(r *frame.ResumeHello) { r.MAC[0] ^= 1 })
			if !errors.As(err, &refused) || refused.Code != frame.Unauthenticated || refused.HasPosition {
				t.Errorf("without a proof: %#v", err)
			}
		}
	})
}

// TestResumeLies: what a server must prove and say before the client believes that it has the session.
func TestResumeLies(t *testing.T) {
	for name, lie := range map[string]func(x *rejoin, w *frame.Welcome){
		"no proof":         func(_ *rejoin, w *frame.Welcome) { w.Resumed.MAC = [32]byte{} },
		"one bit of it":    func(_ *rejoin, w *frame.Welcome) { w.Resumed.MAC[0] ^= 1 },
		"another position": func(_ *rejoin, w *frame.Welcome) { w.Resumed.Position++ },
		"a new session":    func(_ *rejoin, w *frame.Welcome) { w.Resumed = nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newRejoin(t, Config{})
				x.exchange(1)
				x.cut()
				near, far := memnet.Pipe()
				go func() {
					l := newLink(far, silentDefaults(t), false)
					_, hello, err := l.readHello()
					if err != nil {
						t.Error(err)
						return
					}
					hello.Resume.MAC = [32]byte{}
					w := frame.Welcome{Version: frame.Version, Limits: x.s.cfg.Limits, Heartbeat: 1000, Expiry: 1000,
						ServerID: x.s.localID, ClientID: x.c.localID, Session: x.s.peer.Session,
						Resumed: &frame.ResumeWelcome{Position: x.s.recv.position.Load()}}
					mac, err := x.s.proof(far, "server", frame.AppendHello(nil, hello), frame.AppendWelcome(nil, &w))
					if err != nil {
						t.Error(err)
					}
					w.Resumed.MAC = mac
					lie(x, &w)
					_, _ = far.Write(message(frame.TypeWelcome, frame.AppendWelcome(nil, &w)))
				}()
				if err := x.c.Resume(t.Context(), near); err == nil || x.c.State() != StateBroken {
					t.Fatalf("Resume = %v, the link is %v", err, x.c.State())
				}
				near, _ = x.carrier()
				if err := x.c.Resume(t.Context(), near); err != nil {
					t.Fatal(err)
				}
				x.exchange(2)
			})
		})
	}
}

func silentDefaults(t testing.TB) Config {
	cfg, err := silent(nil).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestResumeEpochs: no two attempts have the same epoch, and one that the server knows to be late is followed by one
// ahead of all.
func TestResumeEpochs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		x.cut()
		var epochs []uint64
		answer := func(far net.Conn, refuse *frame.Refuse) {
			l := newLink(far, silentDefaults(t), false)
			if _, hello, err := l.readHello(); err == nil {
				epochs = append(epochs, hello.Resume.Epoch)
			}
			if refuse != nil {
				_, _ = far.Write(message(frame.TypeRefuse, frame.AppendRefuse(nil, refuse)))
			}
			far.Close()
		}
		for i, refuse := range []*frame.Refuse{nil, nil, {Code: frame.Aborted, Epoch: 7}, nil} {
			near, far := memnet.Pipe()
			go answer(far, refuse)
			err := x.c.Resume(t.Context(), near)
			if err == nil || errors.Is(err, ErrStaleEpoch) != (refuse != nil) {
				t.Errorf("attempt %d: %v", i, err)
			}
		}
		if want := []uint64{1, 2, 3, 8}; !equal(epochs, want) {
			t.Errorf("epochs %d, want %d", epochs, want)
		}
	})
}

func equal(a, b []uint64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestResumeJoins: a frame that the old carrier's reader still hands over is counted in the position the server tells.
func TestResumeJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		entered, leave := make(chan struct{}), make(chan struct{})
		frames := 0
		x.st.onFrame = func(_ frame.Header, r *frame.Reader) error {
			_, err := r.Payload()
			if frames++; frames == 1 {
				close(entered)
				<-leave
			}
			return err
		}
		send(x.c, 1, []byte("once"))
		<-entered
		x.near.Cut()
		synctest.Wait()
		near, _ := x.carrier()
		done := make(chan error, 1)
		go func() { done <- x.c.Resume(t.Context(), near) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Resume = %v before the old reader was through", err)
		default:
		}
		close(leave)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		send(x.c, 1, []byte("next"))
		<-time.After(time.Second)
		synctest.Wait()
		if frames != 2 {
			t.Errorf("%d frames came of 2", frames)
		}
	})
}

// TestResumeExpiry: the time without a carrier counts from the last loss; an attempt that is under way when it is over
// may finish.
func TestResumeExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{Expiry: time.Minute})
		x.cut()
		<-time.After(50 * time.Second)
		near, _ := x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatal(err)
		}
		<-time.After(30 * time.Second)
		x.exchange(1)
		x.cut()
		<-time.After(time.Minute - time.Second)
		near, far := x.carrier()
		far.BlockWrites(true)
		time.AfterFunc(2*time.Second, func() { far.BlockWrites(false) })
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatalf("an attempt over the end of the time: %v", err)
		}
		x.exchange(2)
		x.cut()
		lost := time.Now()
		for _, tap := range []*tap{x.ct, x.st} {
			if err := tap.wantClose(t); !errors.Is(err, ErrSessionLost) || !strings.Contains(err.Error(), "1m0s") {
				t.Errorf("ended with %v", err)
			}
		}
		if d := time.Since(lost); d != time.Minute {
			t.Errorf("ended after %v", d)
		}
	})
}

// TestResumePing: a Ping that was not answered is asked again over the next carrier.
func TestResumePing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		<-time.After(time.Second)
		x.near.BlockWrites(true)
		done := make(chan error, 1)
		go func() {
			_, err := x.c.Ping(t.Context())
			done <- err
		}()
		synctest.Wait()
		x.cut()
		near, _ := x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("Ping still waits")
		}
	})
}

// TestResumeReleased: early bytes that were released while there was no carrier are announced with the resume, both ways.
func TestResumeReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		x.cut()
		x.c.Release(0, 100)
		x.s.Release(1, 200)
		near, _ := x.carrier()
		if err := x.c.Resume(t.Context(), near); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // and not with the next acknowledgement
		x.ct.mu.Lock()
		x.st.mu.Lock()
		defer x.ct.mu.Unlock()
		defer x.st.mu.Unlock()
		if x.st.released != [frame.Groups]uint64{0: 100} || x.ct.released != [frame.Groups]uint64{1: 200} {
			t.Errorf("the server got %d, the client %d", x.st.released, x.ct.released)
		}
	})
}
