package memnet

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestListener(t *testing.T) {
	ln := Listen("server")
	a, err := ln.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if ln.Addr() != a.RemoteAddr() || a.LocalAddr() != b.RemoteAddr() || b.LocalAddr() != ln.Addr() {
		t.Errorf("addresses: listener %v, dialled %v->%v, accepted %v->%v",
			ln.Addr(), a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
	if err := ln.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	mustWrite(t, a, "accepted connections go on")
	wantRead(t, b, "accepted connections go on")
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if nc, err := ln.DialContext(t.Context(), "", ""); nc != nil || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("DialContext: %v, %v", nc, err)
	}
}

func TestListenerCloseEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := Listen("server")
		errs := make(chan error, 1)
		go func() {
			_, err := ln.Accept()
			errs <- err
		}()
		synctest.Wait()
		ln.Close()
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}

		ln = Listen("full")
		first, err := ln.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range backlog - 1 {
			if _, err := ln.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ln.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial past the backlog: %v", err)
		}
		if _, err := ln.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial with an ended context: %v", err)
		}
		go func() {
			_, err := ln.Dial(t.Context())
			errs <- err
		}()
		synctest.Wait()
		ln.Close()
		if err := <-errs; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("waiting dial: %v", err)
		}
		wantReadFail(t, first, syscall.ECONNRESET)
	})
}
