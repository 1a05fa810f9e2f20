package outbox

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// receiver is the other End's application: it records what arrives and acks it, or does not.
type receiver struct {
	mu   sync.Mutex // guards what follows
	got  []string
	acks bool
}

func (r *receiver) take(_ context.Context, m *gantline.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, string(m.Body))
	if !r.acks {
		return gantline.ErrAckLater
	}
	return nil
}

// check fails the test unless those messages have arrived since the last time.
func (r *receiver) check(t *testing.T, bodies ...string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) != len(bodies) {
		t.Fatalf("got %q, want %q", r.got, bodies)
	}
	for i, b := range bodies {
		if r.got[i] != b {
			t.Fatalf("got %q, want %q", r.got, bodies)
		}
	}
	r.got = nil
}

// pipe returns a client's End with file; both are closed with the test.
func (r *receiver) pipe(t *testing.T, file *File) *gantline.End {
	t.Helper()
	log := silent(Options{}).Logger
	c, s := gantline.Pipe(&gantline.Config{Outbox: file, Logger: log}, &gantline.Config{Logger: log, Setup: func(e *gantline.End) error {
		e.Subscribe("t", r.take)
		return nil
	}})
	t.Cleanup(func() { _ = c.Close(); _ = s.Close() })
	return c
}

// TestEndDiskFull: on a full disk Publish fails and sends nothing, and what was kept stays. It works again when
// there is room; an ack that cannot be recorded is reported.
func TestEndDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDisk()
		file := openOn(t, d, Options{})
		r := &receiver{}
		c := r.pipe(t, file)
		left, err := c.PublishAsync(t.Context(), "t", []byte("left"))
		must(t, err)
		r.check(t, "left")
		r.acks = true
		d.set(func(d *fakeDisk) { d.room = 20 })
		err = c.Publish(t.Context(), "t", []byte("no room"))
		want(t, err, gantline.ResourceExhausted, syscall.ENOSPC)
		if errors.Is(err, gantline.ErrKept) {
			t.Error(err)
		}
		r.check(t)
		d.set(func(d *fakeDisk) { d.room = -1 })
		must(t, c.Publish(t.Context(), "t", []byte("room")))
		r.check(t, "room")
		d.set(func(d *fakeDisk) { d.room = 80 }) // for the message, and not for its end
		want(t, c.Publish(t.Context(), "t", []byte("acked")), gantline.ErrKept, syscall.ENOSPC)
		r.check(t, "acked")
		_ = c.Close()
		want(t, left.Err(), gantline.ErrKept)
		_ = file.Close()

		d.restart(true, fixed(3))
		file = openOn(t, d, Options{})
		r.pipe(t, file)
		r.check(t, "left", "acked")
		if p := file.Peers(); len(p) != 0 {
			t.Errorf("kept for %q", p)
		}
		must(t, file.Close())
	})
}

// TestEndSyncFails: an ack that may not be recorded on the disk is not reported as nil.
func TestEndSyncFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDisk()
		file := openOn(t, d, Options{})
		r := &receiver{}
		c := r.pipe(t, file)
		p, err := c.PublishAsync(t.Context(), "t", []byte("1"))
		must(t, err)
		r.check(t, "1")
		r.acks = true
		must(t, c.Publish(t.Context(), "t", []byte("2")))
		d.set(func(d *fakeDisk) { d.syncErr = syscall.EIO })
		want(t, c.Publish(t.Context(), "t", []byte("3")), ErrFailed, gantline.Unavailable)
		r.check(t, "2")
		_ = c.Close()
		want(t, p.Err(), gantline.ErrKept)
		want(t, file.Close(), ErrFailed)
	})
}

// TestEndFull: Options.Limit is ResourceExhausted for the publisher, and acks make room.
func TestEndFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := openOn(t, newFakeDisk(), Options{Limit: 5000})
		defer file.Close()
		r := &receiver{acks: true}
		c := r.pipe(t, file)
		big := make([]byte, 4000)
		must(t, c.Publish(t.Context(), "t", big))
		must(t, c.Publish(t.Context(), "t", big))
		r.check(t, string(big), string(big))
		r.acks = false
		_, err := c.PublishAsync(t.Context(), "t", big)
		must(t, err)
		want(t, c.Publish(t.Context(), "t", big), ErrFull, gantline.ResourceExhausted)
		r.check(t, string(big))
	})
}

// TestEndServer: a client that vanished comes back under its id while its old End still waits. It gets what that End
// had not acked, once.
func TestEndServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := openOn(t, newFakeDisk(), Options{})
		defer file.Close()
		log := silent(Options{}).Logger
		nl := memnet.Listen("mem")
		ln := server.NewListener(nl, server.WithConfig(gantline.Config{Outbox: file, Logger: log}))
		defer ln.Close()
		r := &receiver{}
		router := new(gantline.Router)
		router.Subscribe("t", r.take)
		join := func() (nc net.Conn, c, s *gantline.End) {
			nc, err := nl.Dial(t.Context())
			must(t, err)
			c, err = gantline.Client(t.Context(), nc, &gantline.Config{ID: "edge", Router: router, Logger: log})
			must(t, err)
			s, err = ln.AcceptEnd(t.Context())
			must(t, err)
			return nc, c, s
		}
		nc, c, s := join()
		left, err := s.PublishAsync(t.Context(), "t", []byte("sent"))
		must(t, err)
		r.check(t, "sent")
		_ = nc.Close()
		synctest.Wait()
		_ = c.Close()
		later, err := s.PublishAsync(t.Context(), "t", []byte("while it is away"))
		must(t, err)
		synctest.Wait()
		if st := s.State(); st != gantline.StateBroken {
			t.Fatalf("the server's End is %v", st)
		}
		r.acks = true
		_, c, s = join()
		defer c.Close()
		r.check(t, "sent", "while it is away")
		for _, p := range []*gantline.Publication{left, later} {
			<-p.Done()
			want(t, p.Err(), gantline.ErrKept, gantline.ErrSessionLost)
		}
		must(t, s.Publish(t.Context(), "t", []byte("new")))
		r.check(t, "new")
		if p := file.Peers(); len(p) != 0 {
			t.Errorf("kept for %q", p)
		}
	})
}
