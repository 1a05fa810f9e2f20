package conn

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// FuzzHandshake feeds whatever it is given to both sides of the handshake, and
// to the link when there is one. Nothing may panic, hang or answer before a
// valid HELLO.
func FuzzHandshake(f *testing.F) {
	hello, welcome := validHello(), validWelcome()
	first := append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, &hello))...)
	answer := message(frame.TypeWelcome, frame.AppendWelcome(nil, &welcome))
	ping := message(frame.TypePing, frame.AppendPing(nil, &frame.Ping{Opaque: 1}))
	bye := message(frame.TypeBye, frame.AppendBye(nil, &frame.Bye{}))
	for _, tail := range [][]byte{nil, ping, bye, data(1, []byte("x")), frame.AppendPreface(nil, 2)} {
		f.Add(true, append(answer[:len(answer):len(answer)], tail...))
		f.Add(false, append(first[:len(first):len(first)], tail...))
	}
	bound := hello
	bound.Features, bound.Exporter = frame.FeatureBound, [32]byte{1}
	said := frame.AppendHello(nil, &bound)
	for n := range 2 { // with the hash, and with half of it
		f.Add(false, append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, said[:len(said)-16*n])...))
	}
	f.Add(false, frame.AppendPreface(nil, 3))
	f.Add(true, frame.AppendPreface(nil, 3))
	f.Add(false, []byte("GET / HTTP/1.1\r\n"))
	f.Add(true, message(frame.TypeRefuse, frame.AppendRefuse(nil, &frame.Refuse{Text: "no"})))
	f.Fuzz(func(t *testing.T, client bool, input []byte) {
		a, b := memnet.Pipe()
		var (
			l   *Link
			err error
			wg  sync.WaitGroup
			out []byte
		)
		wg.Go(func() { out, _ = io.ReadAll(b) })
		b.Write(input)
		b.CloseWrite()
		cfg := &Config{Logger: quiet, HandshakeTimeout: time.Minute}
		if client {
			l, err = Client(t.Context(), a, cfg)
		} else {
			l, err = Server(t.Context(), a, cfg)
		}
		if err == nil {
			tap := newTap()
			l.Start(tap)
			<-l.Done()
			tap.wantClose(t)
		}
		wg.Wait()
		b.Close()
		if _, werr := a.Write(nil); werr == nil {
			t.Error("the carrier is open")
		}
		if !client && len(out) > 0 && !answerable(input) {
			t.Errorf("answered %x to %x", out, input)
		}
	})
}

// answerable reports whether a server may answer input at all.
func answerable(input []byte) bool {
	v, err := frame.ParsePreface(input)
	if err != nil {
		return false
	}
	if v != frame.Version {
		return true
	}
	input = input[frame.PrefaceLen:]
	h, err := frame.ParseHeader(input)
	if err != nil || h.Validate(frame.MaxHandshake) != nil || len(input) < frame.HeaderLen+int(h.Length) {
		return false
	}
	_, err = frame.ParseHello(input[frame.HeaderLen : frame.HeaderLen+int(h.Length)])
	return err == nil
}

// FuzzLink feeds whatever it is given to a link that is up.
func FuzzLink(f *testing.F) {
	f.Add(data(1, []byte("x")))
	f.Add(message(frame.TypePing, frame.AppendPing(nil, &frame.Ping{Opaque: 1})))
	f.Add(message(frame.TypePong, frame.AppendPing(nil, &frame.Ping{Opaque: 1, Ack: frame.Ack{Position: 20}})))
	f.Add(message(frame.TypeAck, frame.AppendAck(nil, frame.Ack{Position: 20, Released: [frame.Groups]uint64{1, 2, 3}})))
	f.Add(message(frame.TypeBye, frame.AppendBye(nil, &frame.Bye{Position: 20, Text: "bye"})))
	f.Add(append(frame.AppendHeader(nil, frame.Header{Type: 0xC1, Length: 2}), "ab"...))
	f.Fuzz(func(t *testing.T, input []byte) {
		a, b := memnet.Pipe()
		l, other := plain(a, nopConn{}, 100)
		other.Abort(nil)
		tap := newTap()
		l.Start(tap)
		send(l, 1, []byte("12345678"))
		b.Write(input)
		b.CloseWrite()
		go func() {
			io.Copy(io.Discard, b)
			b.Close()
		}()
		<-l.Done()
		tap.wantClose(t)
		if s := l.Stats(); s.Received > uint64(len(input)) || s.LogMemory != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// nopConn is a carrier nobody uses.
type nopConn struct{ net.Conn }

func (nopConn) Close() error         { return nil }
func (nopConn) RemoteAddr() net.Addr { return memnet.Addr("nowhere") }
