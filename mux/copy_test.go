package mux

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// noFast hides ReadFrom and WriteTo.
type noFast struct{ io.ReadWriter }

// TestCopy copies through every pair of the ways to read and to write.
func TestCopy(t *testing.T) {
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	for _, slowWrite := range []bool{false, true} {
		for _, slowRead := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c, s := newPair(t, nil)
				a, b := openPair(t, c, s)
				go func() {
					var w io.Writer = a
					if slowWrite {
						w = noFast{a}
					}
					if n, err := io.Copy(w, noFast{bytes.NewBuffer(data)}); n != int64(len(data)) || err != nil {
						t.Errorf("sent %d, %v", n, err)
					}
					a.CloseWrite()
				}()
				var r io.Reader = b
				if slowRead {
					r = noFast{b}
				}
				var got bytes.Buffer
				if n, err := io.Copy(noFast{&got}, r); n != int64(len(data)) || err != nil || !bytes.Equal(got.Bytes(), data) {
					t.Errorf("got %d, %v", n, err)
				}
				b.CloseWrite() // neither side is closed
				checkIdle(t, c, s)
			})
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 1, io.ErrClosedPipe
	}
	return len(p), nil
}
func (f *failing) Read(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 1, io.ErrClosedPipe
	}
	return len(p), nil
}

// TestCopyErrors: errors of the other end come through, and the counts are right.
func TestCopyErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, nil)
		a, b := openPair(t, c, s)
		var n int64
		var err error
		go func() { n, err = b.WriteTo(&failing{1}) }()
		if n, err := a.ReadFrom(&failing{2}); n != 2*64<<10+1 || err != io.ErrClosedPipe {
			t.Errorf("ReadFrom: %d, %v", n, err)
		}
		synctest.Wait()
		if n < 2 || err != io.ErrClosedPipe {
			t.Errorf("WriteTo: %d, %v", n, err)
		}
		a.Close()
		b.Close()
		checkIdle(t, c, s)
	})
}

// TestDeadlines of reads and writes: they fire, wake only their own direction, and can be moved.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		r.ok(fOpen(1, 0, frame.Open{Body: []byte("abc")}))
		st := r.acc.streams[0]
		p := make([]byte, 10)
		began := time.Now()
		st.SetReadDeadline(began.Add(time.Second))
		if n, err := st.Read(p); n != 3 || err != nil {
			t.Error(n, err)
		}
		if _, err := st.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Error(err, time.Since(began))
		}
		r.ok(fData(1, flEarly, 3))
		if _, err := st.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a deadline that has passed lets a read go on", err)
		}
		st.SetReadDeadline(time.Time{})
		if n, err := st.Read(p); n != 3 || err != nil {
			t.Error(n, err)
		}
		st.SetReadDeadline(time.Now().Add(time.Second))
		go func() {
			<-time.After(time.Second / 2)
			st.SetReadDeadline(time.Now().Add(time.Minute))
		}()
		began = time.Now()
		if _, err := st.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute+time.Second/2 {
			t.Error(err, time.Since(began))
		}
		if _, err := st.Write(p); err != nil {
			t.Error("a read deadline stops a write:", err)
		}
		// Those that wait for their turn have deadlines too.
		errs := make(chan error, 3)
		for range 3 {
			go func() { _, err := st.Write(make([]byte, 1<<20)); errs <- err }()
		}
		synctest.Wait()
		st.SetWriteDeadline(time.Now().Add(time.Second))
		for range 3 {
			if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		}
		st.Close()
		r.ok(fData(1, flFin, 0))
		r.take()
		if err := r.HandleReleased(released(r.pools.sent[0])); err != nil {
			t.Fatal(err)
		}
		checkRaw(t, r)
	})
}

// TestStorm: everything at once on one stream, again and again.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, nil)
		for round := range 40 {
			a, b := openPair(t, c, s)
			var wg sync.WaitGroup
			for i := range 12 {
				st := []*Stream{a, b}[i%2]
				rnd := rand.New(rand.NewPCG(uint64(round), uint64(i)))
				wg.Go(func() {
					for range 10 {
						switch k := rnd.IntN(40); {
						case k < 12:
							st.Write(make([]byte, rnd.IntN(100<<10)))
						case k < 24:
							st.Read(make([]byte, rnd.IntN(100<<10)))
						case k < 28:
							st.SetDeadline(time.Now().Add(time.Duration(rnd.IntN(100)) * time.Microsecond))
						case k < 34:
							st.SetDeadline(time.Now().Add(time.Hour))
						case k == 34:
							st.CloseWrite()
						case k == 35:
							st.CloseRead()
						case k == 36:
							st.Close()
						case k == 37:
							st.Reset(frame.Aborted, "storm")
						default:
							st.SetDeadline(time.Time{})
						}
						if rnd.IntN(4) == 0 {
							<-time.After(time.Duration(rnd.IntN(50)) * time.Microsecond)
						}
					}
					st.SetDeadline(time.Now())
				})
			}
			wg.Wait()
			a.Close()
			b.Close()
			synctest.Wait()
			<-a.Done()
			<-b.Done()
		}
		checkIdle(t, c, s)
	})
}
