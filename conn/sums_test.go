package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestSumWriter: whatever the parts of a flush are, the records are those of all their bytes.
func TestSumWriter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	w, sum := &sumWriter{sum: 9}, uint32(9)
	for range 300 {
		var bufs [][]byte
		var all []byte
		for range 1 + rnd.IntN(5) {
			size := rnd.IntN(200)
			switch rnd.IntN(4) {
			case 0:
				size = rnd.IntN(3 * frame.MaxRecord)
			case 1:
				size = frame.MaxRecord * rnd.IntN(3)
			}
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			bufs, all = append(bufs, b), append(all, b...)
		}
		var want []byte
		for left := all; len(left) > 0; {
			n := min(len(left), frame.MaxRecord)
			want, sum = frame.AppendRecord(want, sum, left[:n])
			left = left[n:]
		}
		records, added := w.wrap(bufs)
		if got := bytes.Join(records, nil); !bytes.Equal(got, want) || added != len(want)-len(all) {
			t.Fatalf("%d bytes in %d parts: %d bytes in records, want %d", len(all), len(bufs), len(got), len(want))
		}
	}
}

// TestSumReader: records arrive in pieces of any size, and are read in others.
func TestSumReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(5, 6))
		l, _, _ := scripted(t, nil)
		near, far := memnet.Pipe()
		defer near.Close()
		c := newCarrier(l, far)
		s := &sumReader{c: c, sum: 1}
		var all, want []byte
		sum := uint32(1)
		for range 200 {
			n := 1 + rnd.IntN(100)
			if rnd.IntN(10) == 0 {
				n = 1 + rnd.IntN(frame.MaxRecord)
			}
			data := bytes.Repeat([]byte{byte(n)}, n)
			want = append(want, data...)
			all, sum = frame.AppendRecord(all, sum, data)
		}
		go func() {
			for len(all) > 0 {
				n := min(len(all), 1+rnd.IntN(1000), 1+rnd.IntN(70000))
				if _, err := near.Write(all[:n]); err != nil {
					return
				}
				all = all[n:]
			}
			near.Close()
		}()
		var got []byte
		p := make([]byte, 5000)
		for i := 0; ; i++ {
			n, err := s.Read(p[:1+i*37%len(p)])
			got = append(got, p[:n]...)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				break
			}
		}
		if !bytes.Equal(got, want) || len(s.buf) != fullSumBuffer {
			t.Errorf("%d bytes, want %d; a buffer of %d", len(got), len(want), len(s.buf))
		}
	})
}

// TestSumsAgreed: who has checksums, by what each side sees and wants. Over TLS nobody wants them.
func TestSumsAgreed(t *testing.T) {
	for _, tt := range []struct {
		name                string
		client, server, tls bool
		want                bool
	}{
		{name: "nobody"},
		{name: "client", client: true, want: true},
		{name: "server", server: true, want: true},
		{name: "both", client: true, server: true, want: true},
		{name: "TLS", client: true, server: true, tls: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, y := memnet.Pipe()
			cfg := func(on bool) *Config { return &Config{Checksum: on} }
			var c, s *Link
			if tt.tls {
				ct, st := tlsPipe(t, x, y)
				c, s = shake(t, ct, st, cfg(tt.client), cfg(tt.server))
			} else {
				c, s = shake(t, x, y, cfg(tt.client), cfg(tt.server))
			}
			ct, st := newTap(), newTap()
			c.Start(ct)
			s.Start(st)
			send(c, 1, []byte("there"))
			send(s, 2, []byte("back"))
			if string(st.wantFrames(t, 1)[0].body) != "there" || string(ct.wantFrames(t, 1)[0].body) != "back" {
				t.Error("wrong frames")
			}
			if c.Stats().Sums != tt.want || s.Stats().Sums != tt.want || c.Peer().Features != s.Peer().Features {
				t.Errorf("%+v, %+v", c.Stats(), s.Stats())
			}
			finish(t, c, s)
			if in, out := s.Stats().BytesIn, c.Stats().BytesOut; !tt.tls && in != out {
				t.Errorf("%d bytes came of %d", in, out)
			}
		})
	}
}

// TestSumsRefused: a client that wants checksums does not go without.
func TestSumsRefused(t *testing.T) {
	a, b := memnet.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := Client(context.Background(), a, silent(&Config{Checksum: true}))
		done <- err
	}()
	p := &peer{TB: t, nc: b}
	p.readPreface()
	p.r = frame.NewReader(b, frame.DefaultMaxPayload)
	h, err := frame.ParseHello(p.want(frame.TypeHello))
	if err != nil || h.Features != frame.FeatureSums|frame.FeatureWantSums {
		t.Errorf("features %#x, %v", h.Features, err)
	}
	p.welcome(nil)
	if err := <-done; !errors.Is(err, frame.FailedPrecondition) {
		t.Errorf("%v", err)
	}
	b.Close()
}

// TestSumsBroken: a wrong sum breaks the carrier, and a frame of which something is wrong is not taken.
func TestSumsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		broken := make(chan error, 1)
		cfg := &Config{Checksum: true, OnBroken: func(_ *Link, err error) { broken <- err }}
		c, s := shake(t, a, b, &Config{}, cfg)
		tap := newTap()
		s.Start(tap)
		w := &sumWriter{sum: c.sumSeed(true)}
		say := func(data []byte, change func([]byte)) {
			records, _ := w.wrap([][]byte{data})
			all := bytes.Join(records, nil)
			if change != nil {
				change(all)
			}
			a.Write(all)
			synctest.Wait()
		}
		say(data(1, []byte("good")), nil)
		say(data(1, bytes.Repeat([]byte("x"), 20<<10)), func(b []byte) { b[len(b)-1]++ })
		if err := <-broken; !errors.Is(err, ErrChecksum) || !errors.Is(err, ErrSessionLost) {
			t.Errorf("%v", err)
		}
		if got := tap.got(); len(got) != 1 || string(got[0].body) != "good" {
			t.Errorf("%d frames", len(got))
		}
		if n := s.Stats().Received; n != uint64(len(data(1, []byte("good")))) {
			t.Errorf("position %d", n)
		}
		if s.State() != StateBroken {
			t.Error(s.State())
		}
	})
}

// TestSumsResume: carriers that replace others have checksums, too.
func TestSumsResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var server *Link
		accept := make(chan *Link, 1)
		dial := func() *memnet.Conn {
			a, b := memnet.Pipe()
			go func() {
				l, resumed, err := Accept(context.Background(), b, &Config{Logger: quiet, Checksum: true, OnBroken: func(*Link, error) {},
					Find: func([16]byte) (*Link, error) { return server, nil }})
				if err != nil || resumed != (server != nil) {
					t.Error(resumed, err)
				}
				accept <- l
			}()
			return a
		}
		c, err := Client(t.Context(), dial(), &Config{Logger: quiet, OnBroken: func(*Link, error) {}})
		if err != nil {
			t.Fatal(err)
		}
		server = <-accept
		ct, st := newTap(), newTap()
		c.Start(ct)
		server.Start(st)
		for i := range 5 {
			send(c, 1, bytes.Repeat([]byte{byte(i)}, 30<<10))
			st.wantFrames(t, i+1)
			c.NetConn().Close()
			synctest.Wait()
			if err := c.Resume(t.Context(), dial()); err != nil {
				t.Fatal(err)
			}
			<-accept
		}
		if s := c.Stats(); !s.Sums || s.Resumes != 5 {
			t.Errorf("%+v", s)
		}
		finish(t, c, server)
	})
}
