package mux

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// TestCallersDoNotStopStreams: one-frame bodies go ahead of bulk, but however many callers have one ready all the time,
// streams go on: the one that pushes gets its share, the one that says little is heard soon.
func TestCallersDoNotStopStreams(t *testing.T) {
	for _, tt := range []struct {
		name          string
		callers, keep int
	}{
		{"they wait for room", 20, 0},
		{"they wait for room, bulk has little", 20, 224 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := newPair(t, nil)
				c.l.delay = func() time.Duration { return time.Millisecond }
				c.l.keep = tt.keep
				pushing, b := openPair(t, c, s)
				lively, d := openPair(t, c, s)
				var pushed, said, called int // guarded by the link's lock
				count := func(st *Stream, n *int) {
					p := make([]byte, 64<<10)
					for {
						k, err := st.Read(p)
						c.l.Lock()
						*n += k
						c.l.Unlock()
						if err != nil {
							return
						}
					}
				}
				go count(b, &pushed)
				go count(d, &said)
				go func() {
					for p := make([]byte, 64<<10); ; {
						if _, err := pushing.Write(p); err != nil {
							return
						}
					}
				}()
				go func() {
					for {
						if _, err := lively.Write([]byte{1}); err != nil {
							return
						}
						<-time.After(time.Millisecond)
					}
				}()
				for range tt.callers {
					go func() {
						for body := make([]byte, 60<<10); ; {
							x := &Exchange{Sink: make(waitSink, 1)}
							if c.Start(t.Context(), x, &Open{Kind: frame.KindMessage, Name: "m"}, body) != nil {
								return
							}
							if <-x.Sink.(waitSink); x.Err != nil {
								return
							}
							c.l.Lock()
							called += len(body)
							c.l.Unlock()
						}
					}()
				}
				<-time.After(time.Second)
				c.l.Lock()
				if pushed < called/4 || called < pushed {
					t.Errorf("a stream that pushes has moved %d bytes, callers %d", pushed, called)
				}
				if said < 200 {
					t.Errorf("a stream that says a byte every millisecond was heard %d times in a second", said)
				}
				c.l.Unlock()
				c.l.stop(nil)
				<-time.After(time.Second)
			})
		})
	}
}

// TestBulkHasItsTurn: the same when those frames find room at once and Bulk leaves nothing to others.
func TestBulkHasItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		r.l.keep = r.l.limit
		r.ok(fOpen(1, 0, frame.Open{}), fCredit(1, 1<<30))
		go r.acc.streams[0].Write(make([]byte, 1<<20))
		synctest.Wait()
		calls, bulk := 0, 0
		for range 100 {
			if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall}, make([]byte, 40<<10)); err != nil {
				t.Fatal(err)
			}
			for _, f := range r.take() {
				if f.h.Type == frame.TypeOpen {
					calls += len(f.p)
				} else {
					bulk += len(f.p)
				}
			}
			if calls > aheadOfAll+40<<10 && bulk == 0 {
				t.Fatalf("%d bytes of calls have gone ahead, and nothing of the stream", calls)
			}
		}
		if bulk > calls {
			t.Errorf("%d bytes of the stream have gone out beside %d of calls", bulk, calls)
		}
		r.HandleClose(nil)
	})
}
