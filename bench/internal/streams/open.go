package streams

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/load"
	"github.com/gantline-project/gantline/bench/internal/meter"
)

// openRate is the rate of streams that are opened, carry one byte and are closed. They count when the other side
// has read them to their end. One goroutine opens and one accepts.
func openRate(r *run) error {
	c, s, err := r.connect(carrier.TCP)
	if err != nil {
		return err
	}
	f := &flow{got: make([]counter, 1), failed: make(chan error, 1)}
	done := &f.got[0]
	go func() { f.fail(acceptAll(r, s, done)) }() // these end with the process
	go func() { f.fail(openAll(r, c)) }()
	w, err := f.measure(r.Warm, r.Time)
	if err != nil {
		return err
	}
	r.m["streams"] = w.bytes / w.seconds
	w.before.Costs(w.after, w.bytes, r.m)
	return nil
}

func openAll(r *run, c Session) error {
	one := []byte{1}
	for {
		st, err := c.Open(r.ctx)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		if _, err := st.Write(one); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := st.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
	}
}

func acceptAll(r *run, s Session, done *counter) error {
	buf := make([]byte, 16)
	for {
		st, err := s.Accept(r.ctx)
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		n := 0
		for err == nil {
			var k int
			k, err = st.Read(buf)
			n += k
		}
		if err != io.EOF || n != 1 {
			return fmt.Errorf("a stream of one byte gave %d and %w", n, err)
		}
		if err := st.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		done.n.Add(1)
	}
}

// openTrip opens a stream, sends a byte, waits for it and closes, one after the other.
func openTrip(r *run) error {
	c, s, err := r.connect(carrier.TCP)
	if err != nil {
		return err
	}
	go func() { // ends with the process
		for {
			st, err := s.Accept(r.ctx)
			if err != nil {
				return
			}
			go func() {
				load.Mirror(st, 1)
				_ = st.Close()
			}()
		}
	}()
	var l meter.Latencies
	l.Expect(r.Warm + r.Time)
	buf := make([]byte, 1)
	trips := func(d time.Duration) error {
		begin := time.Now()
		for last := begin; last.Sub(begin) < d; {
			st, err := c.Open(r.ctx)
			if err != nil {
				return fmt.Errorf("open: %w", err)
			}
			if _, err := st.Write(buf); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			if _, err := io.ReadFull(st, buf); err != nil {
				return fmt.Errorf("read: %w", err)
			}
			if err := st.Close(); err != nil {
				return fmt.Errorf("close: %w", err)
			}
			now := time.Now()
			l.Add(now.Sub(last))
			last = now
		}
		return nil
	}
	if err := trips(r.Warm); err != nil {
		return err
	}
	l.Reset()
	before := meter.Read()
	if err := trips(r.Time); err != nil {
		return err
	}
	before.Costs(meter.Read(), float64(l.Len()), r.m)
	l.Report(r.m)
	return nil
}

// cutShort writes 200 KiB, and closes the stream and then the session at once. It counts how often the other side
// did not get everything.
func cutShort(r *run) error {
	const size, rounds = 200 * kib, 200
	body := make([]byte, size)
	short, n := 0, 0
	for end := time.Now().Add(20 * time.Second); n < rounds && time.Now().Before(end); n++ {
		c, s, err := r.connect(carrier.TCP)
		if err != nil {
			return err
		}
		near, far, err := r.stream(c, s)
		if err != nil {
			return err
		}
		var got atomic.Int64
		read := make(chan error, 1)
		go func() { // ends with the session
			k, err := io.Copy(io.Discard, far)
			got.Store(k)
			read <- err
		}()
		if _, err := near.Write(body); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		_ = near.Close()
		_ = c.Close() // whether it reports that is not the question here
		select {
		case <-read:
		case <-time.After(5 * time.Second):
			return errors.New("the reader was not told within 5 s that the session is closed")
		}
		if got.Load() != size {
			short++
		}
		_ = far.Close()
		_ = s.Close()
	}
	r.m["short"], r.m["rounds"] = float64(short), float64(n)
	return nil
}
