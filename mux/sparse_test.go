package mux

import (
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// bulky returns a session with n streams, of which the first have bulk that waits.
func bulky(t *testing.T, n, bulk int) *raw {
	r := newRaw(t, nil)
	for i := range uint64(n) {
		r.ok(fOpen(1+2*i, 0, frame.Open{}), fCredit(1+2*i, 1<<30))
	}
	for _, st := range r.acc.streams[:bulk] {
		go st.Write(make([]byte, 64<<20))
	}
	synctest.Wait()
	r.flush()
	synctest.Wait()
	return r
}

// TestSmallWriteGoesFirst: a small write goes into the next flush however much bulk waits, one for each stream; what
// follows it takes its turn.
func TestSmallWriteGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bulky(t, 21, 20)
		st := r.acc.streams[20]
		for range 3 {
			for want := range 2 {
				was := r.l.end
				done := false
				go func() {
					st.Write(make([]byte, 64))
					done = true
				}()
				synctest.Wait()
				if n := int(r.l.end - was); done != (want == 0) || n != (1-want)*(64+frame.HeaderLen) {
					t.Errorf("write %d before a flush: done %v, %d bytes appended", want, done, n)
				}
			}
			for range 22 { // its turn has come, too
				r.flush()
				synctest.Wait()
			}
		}
		r.HandleClose(nil)
	})
}

// TestSmallWritesLeaveRoom: however many streams push small writes, bulk gets its share, and they get the same.
func TestSmallWritesLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 400
		r := bulky(t, 1+n, 1)
		for _, st := range r.acc.streams[1:] {
			go func() { // ends with the session
				for {
					if _, err := st.Write(make([]byte, sparseWrite)); err != nil {
						return
					}
				}
			}()
		}
		synctest.Wait()
		bulk, small := 0, map[uint64]int{}
		for range 500 {
			b, _ := r.flush()
			synctest.Wait()
			for len(b) > 0 {
				h, err := frame.ParseHeader(b)
				if err != nil {
					t.Fatal(err)
				}
				if h.ID == 1 {
					bulk += int(h.Length)
				} else {
					small[h.ID] += int(h.Length)
				}
				b = b[frame.HeaderLen+int(h.Length):]
			}
		}
		least, most := 1<<40, 0
		for _, st := range r.acc.streams[1:] {
			least, most = min(least, small[st.ID()]), max(most, small[st.ID()])
		}
		if bulk < most || least < most*8/10 {
			t.Errorf("bulk got %d, small writes %d to %d", bulk, least, most)
		}
		r.HandleClose(nil)
	})
}
