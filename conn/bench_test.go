package conn

import (
	"context"
	"io"
	"math"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// benchLinks returns two links over TCP.
func benchLinks(b *testing.B, ct, st Handler) (c, s *Link) {
	x, y := socketPipe(b, "tcp", "127.0.0.1:0")
	c, s = shake(b, x, y, &Config{Logger: quiet}, &Config{Logger: quiet})
	c.Start(ct)
	s.Start(st)
	b.Cleanup(func() {
		c.Close(context.Background(), frame.OK, "")
		s.Close(context.Background(), frame.OK, "")
	})
	return c, s
}

// bulk is a handler that keeps 128 KiB unsent until it has sent left bytes.
type bulk struct {
	tap
	l    *Link
	body []byte
	left int
}

func (k *bulk) Fill() bool {
	for k.left > 0 && k.l.Unsent() < 128<<10 {
		if k.l.Room() < frame.HeaderLen+len(k.body) {
			return true
		}
		put(k.l, 1, k.body)
		k.left -= len(k.body)
	}
	return false
}

// sink is a handler that reads bodies into one buffer.
type sink struct {
	tap
	buf  [64 << 10]byte
	want int
	done chan struct{}
}

func (k *sink) HandleFrame(h frame.Header, r *frame.Reader) error {
	if err := r.ReadFull(k.buf[:h.Length]); err != nil {
		return err
	}
	if k.want -= int(h.Length); k.want <= 0 {
		close(k.done)
		k.want = math.MaxInt
	}
	return nil
}

func (k *sink) HandleClose(error) {}
func (k *bulk) HandleClose(error) {}

// BenchmarkBulk moves 64 KiB frames one way; BenchmarkRawBulk is the same
// without us.
func BenchmarkBulk(b *testing.B) {
	out := &bulk{body: make([]byte, 64<<10)}
	in := &sink{want: b.N * len(out.body), done: make(chan struct{})}
	c, _ := benchLinks(b, out, in)
	b.SetBytes(int64(len(out.body)))
	b.ReportAllocs()
	b.ResetTimer()
	c.Lock()
	out.l = c
	out.left = b.N * len(out.body)
	c.Wake()
	c.Unlock()
	<-in.done
}

func BenchmarkRawBulk(b *testing.B) {
	x, y := socketPipe(b, "tcp", "127.0.0.1:0")
	defer x.Close()
	defer y.Close()
	body := make([]byte, 64<<10)
	b.SetBytes(int64(len(body)))
	b.ResetTimer()
	go func() {
		for range b.N {
			x.Write(body)
		}
	}()
	buf := make([]byte, 64<<10)
	for left := b.N * len(body); left > 0; {
		n, err := y.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		left -= n
	}
}

// BenchmarkSmall moves frames of 64 bytes one way, as many as there is room
// for per turn.
func BenchmarkSmall(b *testing.B) {
	out := &bulk{body: make([]byte, 64)}
	in := &sink{want: b.N * len(out.body), done: make(chan struct{})}
	c, _ := benchLinks(b, out, in)
	b.ReportAllocs()
	b.ResetTimer()
	c.Lock()
	out.l = c
	out.left = b.N * len(out.body)
	c.Wake()
	c.Unlock()
	<-in.done
}

// echo answers every frame with its like.
type echo struct {
	tap
	l   *Link
	buf [64 << 10]byte
}

func (e *echo) HandleFrame(h frame.Header, r *frame.Reader) error {
	p := e.buf[:h.Length]
	if err := r.ReadFull(p); err != nil {
		return err
	}
	send(e.l, h.ID, p)
	return nil
}

func (e *echo) HandleClose(error) {}

// BenchmarkPingPong sends 64 bytes to and fro.
func BenchmarkPingPong(b *testing.B) {
	back := make(chan struct{}, 1)
	ct, st := newTap(), new(echo)
	ct.onFrame = func(frame.Header, *frame.Reader) error {
		back <- struct{}{}
		return nil
	}
	x, y := socketPipe(b, "tcp", "127.0.0.1:0")
	c, s := shake(b, x, y, &Config{Logger: quiet}, &Config{Logger: quiet})
	st.l = s
	c.Start(ct)
	s.Start(st)
	body := make([]byte, 64)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		send(c, 1, body)
		<-back
	}
	b.StopTimer()
	finish(b, c, s)
}

func BenchmarkRawPingPong(b *testing.B) {
	x, y := socketPipe(b, "tcp", "127.0.0.1:0")
	defer x.Close()
	go func() {
		defer y.Close()
		io.Copy(struct{ io.Writer }{y}, struct{ io.Reader }{y})
	}()
	body := make([]byte, 64)
	b.ResetTimer()
	for range b.N {
		if _, err := x.Write(body); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(x, body); err != nil {
			b.Fatal(err)
		}
	}
}
