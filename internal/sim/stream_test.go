package sim

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/gantline-project/gantline"
)

// accept echoes the peer's streams until the End is over.
func (x *peer) accept() {
	for {
		st, err := x.e.AcceptStream(x.w.ctx)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !x.may(err) {
				x.wrong("accept: %v", err)
			}
			return
		}
		x.w.wg.Go(func() {
			defer x.w.start("echo of " + st.Name())()
			x.echo(st)
		})
	}
}

// echo sends back what arrives, and ends when that ends.
func (x *peer) echo(st *gantline.Stream) {
	w := x.w
	defer st.Close()
	w.mu.Lock()
	p := w.streams[st.Name()]
	w.mu.Unlock()
	if p == nil {
		x.wrong("a stream %q was not opened", st.Name())
		return
	}
	key, off := w.key(st.Name()), 0
	buf := make([]byte, min(4096, 1+p.piece))
	for {
		n, err := st.Read(buf)
		if !same(buf[:n], key, off) || off+n > p.size {
			x.wrong("stream %s: wrong bytes between %d and %d of %d", st.Name(), off, off+n, p.size)
		}
		off += n
		if n > 0 && err == nil {
			_, err = st.Write(buf[:n])
		}
		var reset *gantline.StreamError
		switch {
		case err == nil:
			continue
		case err == io.EOF && off == p.size && p.mode != abandons:
			if err := st.CloseWrite(); err != nil && !x.may(err) {
				x.wrong("stream %s: close: %v", st.Name(), err)
			}
		case p.mode == abandons && errors.As(err, &reset) && gantline.CodeOf(err) == gantline.Aborted:
		case x.may(err):
		default:
			x.wrong("echo of %s ends with %v after %d of %d bytes", st.Name(), err, off, p.size)
		}
		return
	}
}

// stream opens a stream, sends its bytes and expects them back.
func (x *peer) stream(id string, p *streamPlan) {
	<-time.After(p.at)
	w := x.w
	w.mu.Lock()
	if w.streams == nil {
		w.streams = make(map[string]*streamPlan)
	}
	w.streams[id] = p
	w.mu.Unlock()
	st, err := x.e.OpenStream(w.ctx, gantline.WithName(id))
	if err != nil {
		if !x.may(err) {
			x.wrong("%s: open: %v", id, err)
		}
		return
	}
	defer st.Close()
	sent := make(chan error, 1)
	w.wg.Go(func() { sent <- x.send(st, p) })
	read, err := x.receive(st, p)
	switch serr := <-sent; {
	case p.mode == abandons:
	case err == nil && serr == nil && read == p.size:
	case err != nil && x.may(err), serr != nil && x.may(serr):
	default:
		x.wrong("%s: sent %v, got %d of %d bytes: %v", id, serr, read, p.size, err)
	}
}

func (x *peer) send(st *gantline.Stream, p *streamPlan) error {
	key := x.w.key(st.Name())
	buf := make([]byte, min(p.piece, p.size))
	for off := 0; off < p.size; {
		n := min(len(buf), p.size-off)
		fill(buf[:n], key, off)
		if p.mode == limited {
			_ = st.SetWriteDeadline(time.Now().Add(p.after + time.Microsecond))
		}
		n, err := st.Write(buf[:n])
		clear(buf) // it is not used any more
		off += n
		if err != nil && !(p.mode == limited && errors.Is(err, os.ErrDeadlineExceeded)) {
			return fmt.Errorf("write after %d bytes: %w", off, err)
		}
		if p.mode == abandons && off >= p.size/2 {
			return st.Reset(gantline.Aborted)
		}
	}
	return st.CloseWrite()
}

func (x *peer) receive(st *gantline.Stream, p *streamPlan) (off int, err error) {
	key := x.w.key(st.Name())
	buf := make([]byte, 3000)
	for {
		if p.mode == pauses {
			<-time.After(p.after / 8)
		}
		if p.mode == limited {
			_ = st.SetReadDeadline(time.Now().Add(p.after + time.Microsecond))
		}
		n, err := st.Read(buf)
		if !same(buf[:n], key, off) {
			return off, fmt.Errorf("wrong bytes between %d and %d", off, off+n)
		}
		off += n
		switch {
		case err == io.EOF:
			return off, nil
		case err != nil && !(p.mode == limited && errors.Is(err, os.ErrDeadlineExceeded)):
			return off, err
		}
	}
}
