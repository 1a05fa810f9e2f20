package mux

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestYamuxHeld: nothing goes out before Start; what was read by somebody else before counts; OnEnd chooses what
// streams fail with.
func TestYamuxHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("mine")
		told := make(chan error, 1)
		a, b := memPair(t)
		acc := newTestAcceptor()
		y, err := YamuxServer(a, &YamuxConfig{
			Acceptor: acc, Held: true, Head: appendYamux(nil, yamuxHeader{kind: yamuxWindowUpdate, flags: yamuxSYN, id: 1}),
			OnEnd: func(err error) error { told <- err; return why },
		})
		if err != nil {
			t.Fatal(err)
		}
		st, err := y.Session().OpenStream(t.Context(), &Open{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(acc.streams); n != 0 || y.Stats().Waiting == 0 {
			t.Errorf("%d streams were heard of, %+v", n, y.Stats())
		}
		y.Start()
		synctest.Wait()
		if n := len(acc.streams); n != 1 {
			t.Errorf("%d streams came", n)
		}
		if s := y.Stats(); s.FramesIn != 1 || s.BytesIn != 0 || s.BytesOut == 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		b.Close()
		<-y.Done()
		if err := <-told; err != y.Err() {
			t.Errorf("OnEnd got %v", err)
		}
		if _, err := st.Read(make([]byte, 1)); err != why {
			t.Errorf("Read: %v", err)
		}
		if err := y.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
