package conn

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

func TestLogLimit(t *testing.T) {
	const (
		ms   = int64(time.Millisecond)
		base = 512 << 10
	)
	for _, tt := range []struct {
		name  string
		rtt   time.Duration
		bytes uint64 // per step
		step  int64
		steps int
		want  int
	}{
		{"full window each round trip", 60 * time.Millisecond, base, 60 * ms, 1, 2 * base},
		{"three quarters of it", 60 * time.Millisecond, base * 3 / 4, 60 * ms, 1, 2 * base},
		{"half of it", 60 * time.Millisecond, base / 2, 60 * ms, 10, base},
		{"slow reader: a window per second", 60 * time.Millisecond, base, 1000 * ms, 10, base},
		{"queue on the way: twice the least round trip", 60 * time.Millisecond, base, 120 * ms, 10, base},
		{"short path", 100 * time.Microsecond, base, ms / 10, 100, base * 7 / 4},
		{"short path, 1 GB/s", 100 * time.Microsecond, 250 << 10, ms / 4, 100, base},
		{"round trip unknown", 0, base, ms, 100, base},
		{"in bursts", 60 * time.Millisecond, base / 4, 0, 4, 2 * base},
		{"in small pieces", 60 * time.Millisecond, base / 8, 60 * ms / 8, 9, 2 * base},
		{"not beyond 16 MiB", 60 * time.Millisecond, 64 << 20, 60 * ms, 20, maxLog},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := logLimit{base: base, limit: base}
			defer m.shrink()
			for i := range tt.steps {
				at := int64(i+1) * tt.step
				if tt.step == 0 {
					at = int64(tt.rtt) // all at once, a round trip after the flush
				}
				m.acked(tt.bytes, at, tt.rtt)
			}
			if m.limit != tt.want {
				t.Errorf("limit %d, want %d", m.limit, tt.want)
			}
		})
	}
}

// TestLogLimitProcess lets many logs grow until the process' share is used up.
func TestLogLimitProcess(t *testing.T) {
	before := grown.Load()
	var all []*logLimit
	for range 100 {
		m := &logLimit{base: 1 << 20, limit: 1 << 20}
		for i := range 10 {
			m.acked(1<<30, int64(i+1)*int64(time.Second), time.Second)
		}
		all = append(all, m)
	}
	if g := grown.Load(); g > DefaultLogMemory || g < DefaultLogMemory-maxLog {
		t.Errorf("all logs have grown by %d", g)
	}
	SetLogMemory(4 << 20)
	defer SetLogMemory(DefaultLogMemory)
	for _, m := range all {
		m.shrink()
		m.acked(1<<30, int64(time.Hour), time.Second)
	}
	if used, limit := LogMemory(); used > limit || limit != 4<<20 || used < limit-maxLog {
		t.Errorf("all logs have grown by %d, the limit is %d", used, limit)
	}
	for _, m := range all {
		m.shrink()
	}
	if grown.Load() != before {
		t.Errorf("%d bytes were not given back", grown.Load()-before)
	}
}

// TestGrowth sends bulk over a long path, then to a slow reader, then nothing.
func TestGrowth(t *testing.T) {
	for name, tt := range map[string]struct {
		latency, perFrame time.Duration
		grows             bool
	}{
		"long path":   {30 * time.Millisecond, 0, true},
		"slow reader": {30 * time.Millisecond, 15 * time.Millisecond, false},
		"short path":  {50 * time.Microsecond, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe(memnet.WithLatency(tt.latency), memnet.WithBuffer(32<<20))
				c, s := shake(t, a, b, nil, nil)
				out, in := &bulk{l: c, body: make([]byte, 64<<10)}, newTap()
				in.onFrame = func(h frame.Header, r *frame.Reader) error {
					if tt.perFrame > 0 {
						<-time.After(tt.perFrame)
					}
					return nil
				}
				c.Start(out)
				s.Start(in)
				<-time.After(time.Second) // the round trip is known
				before := c.Stats().LogLimit
				c.Lock()
				out.left = 500 * len(out.body)
				c.Wake()
				c.Unlock()
				<-time.After(10 * time.Second)
				st := c.Stats()
				if st.LogUnacked != 0 || st.LogMemory != 0 || out.left != 0 {
					t.Fatalf("not done: %+v", st)
				}
				if (st.LogLimit > 2*before) != tt.grows {
					t.Errorf("limit went from %d to %d", before, st.LogLimit)
				}
				<-time.After(time.Minute)
				if n := c.Stats().LogLimit; n != before {
					t.Errorf("an idle log has a limit of %d", n)
				}
				if grown.Load() != 0 {
					t.Errorf("%d bytes were not given back", grown.Load())
				}
			})
		})
	}
}

// TestBulk: on a path that is known to be short bulk alone takes all of the log, and beside others some more than half
// of its first limit; elsewhere as little as possible is ahead of others.
func TestBulk(t *testing.T) {
	const limit, grown = 512 << 10, 896 << 10
	for name, tt := range map[string]struct {
		rtt                 time.Duration
		sent                bool
		wantAlone, wantRest int
	}{
		"unknown":       {0, false, aheadOfAll - 1000, aheadOfAll - 1000},
		"short":         {100 * time.Microsecond, false, grown - 1000, limit*9/16 - 1000},
		"short, sent":   {100 * time.Microsecond, true, grown - 1000, limit*9/16 - 1000},
		"long":          {minGrowRTT, false, aheadOfAll - 1000, aheadOfAll - 1000},
		"long and sent": {minGrowRTT, true, aheadOfAll, aheadOfAll},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := memnet.Pipe()
			l := newLink(a, Config{Limits: DefaultLimits()}, true)
			l.beat.rtt.Store(int64(tt.rtt))
			l.send.room.limit = grown
			l.Alloc(1000)
			if tt.sent {
				l.send.log.take(nil, flushSize)
			}
			if n := l.Bulk(true); n != tt.wantAlone {
				t.Errorf("alone %d bytes, want %d", n, tt.wantAlone)
			}
			if n := l.Bulk(false); n != tt.wantRest {
				t.Errorf("beside others %d bytes, want %d", n, tt.wantRest)
			}
			l.send.room.limit = 2000
			if n := l.Bulk(true); n != 1000 {
				t.Errorf("%d bytes, but the log has 1000 left", n)
			}
		})
	}
}
