package promise

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

const (
	unreadStreams = 100
	unreadHeap    = 16 * mib
	slice         = 100 * time.Millisecond // how long one rate is measured
)

// keepRate is the part of their rate that calls and another stream must keep. A plain run shares its machine
// with other packages' tests and measures briefly, so it gets some slack.
func keepRate() float64 {
	if soak {
		return 0.8
	}
	return 0.6
}

// TestUnreadStreams: 100 streams whose reader never comes cost little memory. They do not slow calls and
// another stream down, although their writers keep trying. Rates without and with them are measured in turns.
func TestUnreadStreams(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		t.Run(map[bool]string{true: "accepted", false: "not accepted"}[accepted], func(t *testing.T) {
			both(t, 2*time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
				measureUnread(t, near, far, accepted)
			})
		})
	}
}

func measureUnread(t *testing.T, near, far *gantline.End, accepted bool) {
	far.Handle("echo", gantline.HandlerFunc(echo))
	bulk := newBulk(t, near, far)
	calls := kept{what: "calls/s", rate: func() float64 { return callRate(t, near, slice) }}
	stream := kept{what: "stream MB/s", rate: func() float64 { return bulk.rate(slice) }}
	calls.rate() // warm up
	stream.rate()
	heap := settledHeap()
	grown := uint64(0)
	// Other work on the machine can spoil some rounds, but a real loss shows in all of them.
	n := max(3, times(unreadRounds))
	for i := 0; i < n || i < 4*n && min(calls.part(), stream.part()) < keepRate(); i++ {
		calls.without = append(calls.without, calls.rate())
		stream.without = append(stream.without, stream.rate())
		jam := newJam(t, near, far, accepted)
		calls.with = append(calls.with, calls.rate())
		stream.with = append(stream.with, stream.rate())
		now := settledHeap()
		grown = max(grown, now-min(now, heap))
		jam.clear(t)
	}
	t.Logf("heap grew by %.1f MiB (bound %d)", mb(grown), unreadHeap/mib)
	if grown >= unreadHeap {
		t.Errorf("heap grew by %.1f MiB", mb(grown))
	}
	for _, k := range []kept{calls, stream} {
		t.Logf("%s: %.0f without, %.0f with (medians); kept %.2f (medians), %.2f (best rounds), %d rounds",
			k.what, median(k.without), median(k.with), k.medians(), k.bests(), len(k.with))
		if k.part() < keepRate() {
			t.Errorf("%s kept %.2f of the rate, want %.2f", k.what, k.part(), keepRate())
		}
	}
}

// kept compares rates without and with the unread streams.
type kept struct {
	what          string
	rate          func() float64
	without, with []float64
}

func (k *kept) medians() float64 { return median(k.with) / median(k.without) }
func (k *kept) bests() float64   { return slices.Max(k.with) / slices.Max(k.without) }
func (k *kept) part() float64    { return max(k.medians(), k.bests()) }

func median(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

// callRate returns how many 128-byte calls per second 16 callers make.
func callRate(t *testing.T, near *gantline.End, d time.Duration) float64 {
	t.Helper()
	var n atomic.Int64
	start := time.Now()
	err := crowd(16, []*gantline.End{near}, func(near *gantline.End, i int) error {
		body := pattern(128, uint64(i))
		for time.Since(start) < d {
			if _, err := near.Call(t.Context(), "echo", body); err != nil {
				return err
			}
			n.Add(1)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return float64(n.Load()) / time.Since(start).Seconds()
}

// bulk is a stream that is read as fast as it can be.
type bulk struct {
	st  *gantline.Stream
	got atomic.Int64
}

// newBulk opens the stream. Its reader ends with the stream.
func newBulk(t *testing.T, near, far *gantline.End) *bulk {
	t.Helper()
	st, err := near.OpenStream(t.Context(), gantline.WithName("bulk"))
	if err != nil {
		t.Fatal(err)
	}
	peer, err := far.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := &bulk{st: st}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer peer.Close()
		buf := make([]byte, 64*kib)
		for {
			n, err := peer.Read(buf)
			b.got.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = st.Close()
		<-done
	})
	return b
}

// rate writes for d and returns the MB/s that were read in that time.
func (b *bulk) rate(d time.Duration) float64 {
	buf := make([]byte, 32*kib)
	start, before := time.Now(), b.got.Load()
	for time.Since(start) < d {
		if _, err := b.st.Write(buf); err != nil {
			return 0
		}
	}
	return float64(b.got.Load()-before) / 1e6 / time.Since(start).Seconds()
}

// jam is the streams that nobody reads.
type jam struct {
	streams []*gantline.Stream // of both sides
	writers sync.WaitGroup
	wrote   atomic.Int64
}

// newJam opens them, starts their writers and waits until they are stuck. The writers end with clear.
func newJam(t *testing.T, near, far *gantline.End, accepted bool) *jam {
	t.Helper()
	j := new(jam)
	buf := make([]byte, 32*kib)
	for range unreadStreams {
		st, err := near.OpenStream(t.Context(), gantline.WithName("unread"))
		if err != nil {
			t.Fatal(err)
		}
		j.streams = append(j.streams, st)
		j.writers.Go(func() {
			for {
				n, err := st.Write(buf)
				j.wrote.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		if accepted {
			peer, err := far.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			j.streams = append(j.streams, peer)
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for before := int64(-1); before != j.wrote.Load(); <-tick.C {
		before = j.wrote.Load()
	}
	return j
}

// clear resets the streams, ends the writers and takes the streams that were not accepted off the backlog.
func (j *jam) clear(t *testing.T) {
	t.Helper()
	for _, st := range j.streams {
		_ = st.Reset(gantline.Aborted)
	}
	j.writers.Wait()
	for _, st := range j.streams {
		if _, err := st.Write(nil); err == nil {
			t.Error("a stream that was reset takes bytes")
			break
		}
	}
}

// TestUnreadWriterIsWoken: a writer that waits for a reader that never comes is woken. Its deadline, Reset, its
// End's Close and the peer's all wake it.
func TestUnreadWriterIsWoken(t *testing.T) {
	for _, tc := range []struct {
		name string
		wake func(st *gantline.Stream, near, far *gantline.End)
		want error
	}{
		{"deadline", func(st *gantline.Stream, _, _ *gantline.End) { _ = st.SetWriteDeadline(time.Unix(1, 0)) }, nil},
		{"close of the stream", func(st *gantline.Stream, _, _ *gantline.End) { _ = st.Close() }, net.ErrClosed},
		{"reset", func(st *gantline.Stream, _, _ *gantline.End) { _ = st.Reset(gantline.Aborted) }, nil},
		{"close here", func(_ *gantline.Stream, near, _ *gantline.End) { go near.Close() }, net.ErrClosed},
		{"close there", func(_ *gantline.Stream, _, far *gantline.End) { go far.Close() }, net.ErrClosed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			both(t, 30*time.Second, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
				st, err := near.OpenStream(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				stuck := make(chan struct{})
				failed := make(chan error, 1)
				go func() { // ends when it is woken
					_, err := st.Write(make([]byte, 64*kib)) // the early window
					close(stuck)
					if err == nil {
						_, err = st.Write(make([]byte, mib))
					}
					failed <- err
				}()
				<-stuck
				for !st.ReachedPeer() { // else an End that closes refuses it
					<-time.After(time.Millisecond)
				}
				tc.wake(st, near, far)
				err = <-failed
				if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("Write returned %v, want %v", err, tc.want)
				}
				t.Log(err)
			})
		})
	}
}
