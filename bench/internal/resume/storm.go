package resume

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/bench/internal/trial"
	"github.com/gantline-project/gantline/chaos"
)

// cuts is how often a storm resets the connection.
const cuts = 20

// storm writes numbered words through a connection that is cut all the time, and checks each that arrives.
func storm(p trial.Plan, m trial.Metrics) error {
	ctx := context.Background()
	if p.Peer == trial.Raw {
		return calm(p, m)
	}
	near, far, proxy, err := through(ctx)
	if err != nil {
		return err
	}
	st, err := near.OpenStream(ctx)
	if err != nil {
		return err
	}
	peer, err := far.AcceptStream(ctx)
	if err != nil {
		return err
	}
	r := newReader()
	go r.read(peer) // ends with the stream
	stop := make(chan struct{})
	sent := make(chan error, 1)
	var words atomic.Uint64
	go func() { // ends with stop
		n, err := writeWords(st, stop)
		words.Store(n)
		if err == nil {
			err = st.CloseWrite()
		}
		sent <- err
	}()
	began := time.Now()
	for range cuts {
		time.Sleep(p.Time / (cuts + 1))
		proxy.Cut()
	}
	time.Sleep(p.Time / (cuts + 1))
	took := time.Since(began)
	m["mbps"] = float64(r.got.Load()) / 1e6 / took.Seconds()
	close(stop)
	if err := <-sent; err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := <-r.done; err != io.EOF {
		return fmt.Errorf("read: %w", err)
	}
	lost := int64(words.Load()*8) - r.got.Load()
	m["wrong"] = float64(r.wrong + max(lost, -lost))
	s := near.Stats().Link
	m["cuts"], m["resumes"] = cuts, float64(s.Resumes)
	if s.BytesOut > 0 {
		m["replayed"] = float64(s.Replayed) / float64(s.BytesOut)
	}
	return nil
}

// calm is raw TCP through the same proxy, without cuts: it would not survive any.
func calm(p trial.Plan, m trial.Metrics) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	proxy, err := chaos.Listen("127.0.0.1:0", ln.Addr().String(), nil)
	if err != nil {
		return err
	}
	nc, err := net.Dial("tcp", proxy.Addr())
	if err != nil {
		return err
	}
	far, err := ln.Accept()
	if err != nil {
		return err
	}
	r := newReader()
	go r.read(far) // ends with the connection
	go func() { _, _ = writeWords(nc, nil) }()
	time.Sleep(p.Warm)
	was, began := r.got.Load(), time.Now()
	time.Sleep(p.Time / 2)
	m["mbps"] = float64(r.got.Load()-was) / 1e6 / time.Since(began).Seconds()
	m["wrong"], m["cuts"] = 0, 0
	return nil
}

// writeWords writes 0, 1, 2 ... as words of 8 bytes, 32 KiB at a time, until stop, and returns how many.
func writeWords(w io.Writer, stop <-chan struct{}) (n uint64, err error) {
	buf := make([]byte, 32<<10)
	for {
		select {
		case <-stop:
			return n, nil
		default:
		}
		for i := 0; i < len(buf); i += 8 {
			binary.LittleEndian.PutUint64(buf[i:], n)
			n++
		}
		if _, err := w.Write(buf); err != nil {
			return n, err
		}
	}
}

// reader checks what writeWords wrote.
type reader struct {
	got   atomic.Int64
	wrong int64      // read it after done
	done  chan error // why reading ended
}

func newReader() *reader { return &reader{done: make(chan error, 1)} }

func (r *reader) read(from io.Reader) {
	buf := make([]byte, 64<<10)
	next, have := uint64(0), 0
	for {
		k, err := from.Read(buf[have:])
		r.got.Add(int64(k))
		have += k
		whole := have &^ 7
		for i := 0; i < whole; i += 8 {
			if binary.LittleEndian.Uint64(buf[i:]) != next {
				r.wrong += 8
			}
			next++
		}
		have = copy(buf, buf[whole:have])
		if err != nil {
			r.done <- err
			return
		}
	}
}
