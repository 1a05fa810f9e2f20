package mux

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestYamuxClose: what was written and the ends come first, then a go away, then the end.
func TestYamuxClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, true, nil)
		st := e.open(t)
		st.Write([]byte("last words"))
		blocked := make(chan error, 1)
		go func() {
			_, err := e.open(t).Write(make([]byte, yamuxWindow+1))
			blocked <- err
		}()
		synctest.Wait()
		r.send(yamuxWindowUpdate, yamuxSYN, 2, 0)
		synctest.Wait()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := e.Close(context.Background()); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		}
		synctest.Wait()
		if err := <-blocked; !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked Write: %v", err)
		}
		for _, err := range []error{
			second(st.Write([]byte("x"))), second(e.s.OpenStream(t.Context(), &Open{}, nil)), second(e.Ping(t.Context())), e.Err(),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("while closing: %v", err)
			}
		}
		r.want(yamuxWindowUpdate, yamuxSYN, 1, 0)
		if p := r.want(yamuxData, 0, 1, 10); string(p) != "last words" {
			t.Errorf("got %q", p)
		}
		r.want(yamuxWindowUpdate, yamuxSYN, 3, 0)
		total, ends := uint32(0), 0
		for {
			h, _ := r.next()
			if h.kind == yamuxData {
				total += h.length
			} else if h.flags&yamuxFIN != 0 {
				ends++
			} else if h.kind == yamuxGoAway {
				break
			}
		}
		if total != yamuxWindow || ends != 3 {
			t.Errorf("%d bytes and %d ends came", total, ends)
		}
		if _, err := r.br.ReadByte(); err != io.EOF {
			t.Errorf("after the go away: %v", err)
		}
		r.send(yamuxData, yamuxFIN, 1, 6, []byte("so are")...) // can still be read
		if got, err := io.ReadAll(st); string(got) != "so are" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		r.nc.Close()
		wg.Wait()
	})
}

func second[T any](_ T, err error) error { return err }

// TestYamuxCloseTimeout: a peer that does not hang up, or does not read, cannot hold Close.
func TestYamuxCloseTimeout(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			e, r := rawPeer(t, true, nil)
			r.nc.(*memnet.Conn).BlockReads(!reads)
			st := e.open(t)
			go st.Write(make([]byte, 1<<20))
			synctest.Wait()
			start := time.Now()
			if err := e.Close(context.Background()); err == nil {
				t.Error("Close: no error")
			}
			if d := time.Since(start); d != DefaultYamuxCloseTimeout {
				t.Errorf("Close took %v", d)
			}
			if !errors.Is(e.Err(), net.ErrClosed) {
				t.Error(e.Err())
			}
		})
	}
}

func TestYamuxCloseContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := rawPeer(t, true, nil)
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errors.New("no time"))
		defer cancel()
		start := time.Now()
		if err := e.Close(ctx); err == nil || err.Error() != "gantline: yamux: session closed: no time" {
			t.Errorf("Close: %v", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("Close took %v", d)
		}
	})
}

// TestYamuxCloseBoth: both ends close before either learns of it.
func TestYamuxCloseBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := ourPair(t, nil)
		x, y := openBoth(t, c, s)
		block := func(b bool) {
			c.nc.(*memnet.Conn).BlockWrites(b)
			s.nc.(*memnet.Conn).BlockWrites(b)
		}
		block(true)
		x.Write([]byte("from c"))
		y.Write([]byte("from s"))
		var wg sync.WaitGroup
		for _, e := range []*yamuxEnd{c, s} {
			wg.Go(func() {
				if err := e.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		block(false)
		for want, nc := range map[string]net.Conn{"from s": x, "from c": y} {
			if got, err := io.ReadAll(nc); string(got) != want || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		}
		start := time.Now()
		wg.Wait()
		if d := time.Since(start); d > 0 {
			t.Errorf("Close took %v", d)
		}
	})
}

// TestYamuxPeerCloses: what is in the log still goes out.
func TestYamuxPeerCloses(t *testing.T) {
	c, s := ourPair(t, nil)
	x, y := openBoth(t, c, s)
	closed := make(chan error, 1)
	go func() { closed <- c.Close(context.Background()) }()
	data := pattern(100_000, 3)
	if _, err := y.Write(data); err == nil { // else the end was known before
		got := make([]byte, len(data))
		if _, err := io.ReadFull(x, got); err != nil || string(got) != string(data) {
			t.Errorf("read: %v", err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestYamuxPipe: a connection that cannot end its write side alone is closed after the last word.
func TestYamuxPipe(t *testing.T) { testYamuxOver(t, net.Pipe) }

// TestYamuxTLS: the end of a TLS connection's write side is an alert of its own.
func TestYamuxTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	testYamuxOver(t, func() (net.Conn, net.Conn) {
		a, b := tcpPair(t)
		return tls.Client(a, &tls.Config{InsecureSkipVerify: true}), tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}})
	})
}

func testYamuxOver(t *testing.T, pair func() (net.Conn, net.Conn)) {
	a, b := pair()
	c, s := newOurs(t, a, true, nil), newOurs(t, b, false, nil)
	go echoAll(c)
	echoOnce(t, s, pattern(1<<20, 9))
	x, y := openBoth(t, c, s)
	x.Write([]byte("bye"))
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(y); string(got) != "bye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	<-s.Done()
	if !errors.Is(s.Err(), net.ErrClosed) {
		t.Error(s.Err())
	}
}

// TestYamuxCloseViolated: what goes wrong during Close is what Close returns; Err still says closed.
func TestYamuxCloseViolated(t *testing.T) {
	for want, say := range map[error]func(r *rawYamux){
		ErrYamuxProtocol: func(r *rawYamux) { r.send(yamuxData, 0, 1, 4) },
		ErrYamuxLost:     func(r *rawYamux) { r.nc.(*memnet.Conn).Cut() },
	} {
		synctest.Test(t, func(t *testing.T) {
			e, r := rawPeer(t, false, nil)
			closed := make(chan error, 1)
			go func() { closed <- e.Close(context.Background()) }()
			synctest.Wait()
			say(r)
			if err := <-closed; !errors.Is(err, want) {
				t.Errorf("Close: %v, want %v", err, want)
			}
			if !errors.Is(e.Err(), net.ErrClosed) {
				t.Error(e.Err())
			}
		})
	}
}
