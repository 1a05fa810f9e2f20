package mux

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/oddity"
)

// TestYamuxFloods: whatever a yamux peer can repeat at no cost ends the session.
func TestYamuxFloods(t *testing.T) {
	open := func(r *rawYamux) { r.send(yamuxWindowUpdate, yamuxSYN, 1, 0) }
	gone := func(r *rawYamux) {
		open(r)
		r.send(yamuxWindowUpdate, yamuxRST, 1, 0)
	}
	for _, f := range []struct {
		name  string
		limit int
		make  func(r *rawYamux)
		one   yamuxHeader
	}{
		{"ping", oddity.MaxCheap, open, yamuxHeader{yamuxPing, yamuxSYN, 0, 7}},
		{"pong", oddity.MaxOdd, open, yamuxHeader{yamuxPing, yamuxACK, 0, 7}},
		{"go away", oddity.MaxOdd, open, yamuxHeader{yamuxGoAway, 0, 0, yamuxNormal}},
		{"empty data", oddity.MaxCheap, open, yamuxHeader{yamuxData, 0, 1, 0}},
		{"empty data, ACK", oddity.MaxCheap, open, yamuxHeader{yamuxData, yamuxACK, 1, 0}},
		{"no window", oddity.MaxCheap, open, yamuxHeader{yamuxWindowUpdate, 0, 1, 0}},
		{"window that nobody waits for", oddity.MaxCheap, open, yamuxHeader{yamuxWindowUpdate, 0, 1, 1}},
		{"window, reset", oddity.MaxCheap, gone, yamuxHeader{yamuxWindowUpdate, 0, 1, 1}},
		{"empty data, reset", oddity.MaxCheap, gone, yamuxHeader{yamuxData, 0, 1, 0}},
		{"FIN, reset", oddity.MaxCheap, gone, yamuxHeader{yamuxWindowUpdate, yamuxFIN, 1, 0}},
		{"RST, reset", oddity.MaxCheap, gone, yamuxHeader{yamuxWindowUpdate, yamuxRST, 1, 0}},
	} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, r := rawPeer(t, false, nil)
				f.make(r)
				go io.Copy(io.Discard, r.br)
				synctest.Wait()
				free := int(e.Stats().BytesOut)/yamuxHeaderLen + 20
				for range f.limit {
					if _, err := r.nc.Write(appendYamux(nil, f.one)); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if err := e.Err(); err != nil {
					t.Fatalf("within the limit: %v", err)
				}
				begin := time.Now()
				for range free {
					r.nc.Write(appendYamux(nil, f.one))
				}
				<-e.Done()
				if err := e.Err(); !errors.Is(err, ErrYamuxProtocol) || !strings.Contains(err.Error(), fmt.Sprint(f.limit)) || time.Since(begin) > time.Second {
					t.Errorf("after %v: %v", time.Since(begin), err)
				}
				if s := e.Stats(); s.Odd+s.Cheap != uint64(f.limit)+1 {
					t.Errorf("%d and %d in the stats", s.Odd, s.Cheap)
				}
			})
		})
	}
}

// TestYamuxHeavyPeer: credit for what is sent, and late frames of streams that end, are free.
func TestYamuxHeavyPeer(t *testing.T) {
	e, r := rawPeer(t, false, nil)
	for i := range uint32(3000) {
		id := 2*i + 1
		r.send(yamuxWindowUpdate, yamuxSYN, id, 0)
		st := <-e.acc.streams
		st.Accept()
		st.Reset(0, "")
		for h, _ := r.next(); h.kind != yamuxWindowUpdate || h.flags&yamuxRST == 0; h, _ = r.next() {
		}
		r.send(yamuxData, 0, id, 3, 'a', 'b', 'c') // on its way
		r.send(yamuxWindowUpdate, yamuxFIN, id, 0)
	}
	r.sync()
	if s := e.Stats(); s.Odd != 0 || s.Cheap > 10 || e.Err() != nil {
		t.Errorf("%d and %d were charged, %v", s.Odd, s.Cheap, e.Err())
	}
}
