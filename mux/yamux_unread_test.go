package mux

import (
	"errors"
	"io"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// fewUnread lets 16 streams hold 1 MiB together: 4 windows.
func fewUnread(c *YamuxConfig) {
	c.Limits, c.StreamBudget = frame.Limits{Streams: 16}, 1<<20
}

// TestYamuxUnreadBound: a peer that fills windows nobody reads loses the streams that hold most; one that is read
// goes on, and so do small ones.
func TestYamuxUnreadBound(t *testing.T) {
	e, r := rawPeer(t, false, fewUnread)
	payload := make([]byte, yamuxWindow)
	open := func(id uint32, n int) *Stream {
		t.Helper()
		r.send(yamuxData, yamuxSYN, id, uint32(n), payload[:n]...)
		st := <-e.acc.streams
		st.Accept()
		return st
	}
	bulk, small := open(1, 1), open(3, 100)
	go io.Copy(io.Discard, bulk)
	var full []*Stream
	for id := uint32(5); id < 27; id += 2 {
		full = append(full, open(id, yamuxWindow))
		r.send(yamuxData, 0, 1, 1000, payload[:1000]...)
	}
	resets, credit := 0, uint32(yamuxWindow-1)
	for _, h := range r.sync() {
		if h.flags == yamuxRST {
			resets++
		} else if h.id == 1 {
			credit += h.length
		}
	}
	if resets != len(full)-3 {
		t.Errorf("%d of %d full streams were reset, 3 fit beside the small one", resets, len(full))
	}
	held := 0
	for _, st := range full {
		st.rmu.Lock()
		held += st.in.n
		st.rmu.Unlock()
	}
	if n := e.s.unread.Load(); held != 3*yamuxWindow || n < int64(held+100) || n > 1<<20 {
		t.Errorf("full streams hold %d bytes, all %d", held, n)
	}
	gone := 0
	for _, st := range full {
		if n, err := st.Read(make([]byte, 1)); n == 0 {
			gone++
			if !errors.Is(err, frame.ResourceExhausted) {
				t.Error(err)
			}
		}
	}
	if n, err := small.Read(make([]byte, 200)); n != 100 || err != nil || gone != resets {
		t.Errorf("%d bytes of the small stream, %v; %d streams fail", n, err, gone)
	}
	for range 20 { // what is read in time is not counted for long
		for credit < 50_000 {
			if h, _ := r.next(); h.id == 1 {
				credit += h.length
			}
		}
		r.send(yamuxData, 0, 1, 50_000, payload[:50_000]...)
		credit -= 50_000
	}
	for _, st := range append(full, bulk, small) {
		st.Close()
	}
	if n := e.s.unread.Load(); n != 0 {
		t.Errorf("%d bytes are counted after all", n)
	}
}

// TestYamuxUnreadEnded: streams that have ended both ways and were not read do not count against open ones.
func TestYamuxUnreadEnded(t *testing.T) {
	e, r := rawPeer(t, false, fewUnread)
	payload := make([]byte, yamuxWindow)
	var ended []*Stream
	for id := uint32(1); id < 9; id += 2 {
		r.send(yamuxData, yamuxSYN|yamuxFIN, id, yamuxWindow, payload...)
		st := <-e.acc.streams
		st.CloseWrite()
		ended = append(ended, st)
	}
	for range 4 {
		for {
			if h, _ := r.next(); h.flags&yamuxFIN != 0 {
				break
			}
		}
	}
	r.send(yamuxData, yamuxSYN, 9, 1000, payload[:1000]...)
	if n, err := (<-e.acc.streams).Read(make([]byte, 2000)); n != 1000 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, st := range ended {
		if n, err := io.Copy(io.Discard, st); n != yamuxWindow || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if n := e.s.unread.Load(); n != 0 {
		t.Errorf("%d bytes are counted after all", n)
	}
}
