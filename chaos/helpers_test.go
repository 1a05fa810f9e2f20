package chaos

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; quiet, for what must not.
const (
	patience = 10 * time.Second
	quiet    = 15 * time.Millisecond
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// bench is a proxy in front of a target.
type bench struct {
	*Proxy
	target   net.Listener
	accepted chan *net.TCPConn
}

func newBench(t *testing.T, cfg *Config) *bench {
	t.Helper()
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{target: target, accepted: make(chan *net.TCPConn, 100)}
	go func() {
		defer close(b.accepted)
		for {
			nc, err := target.Accept()
			if err != nil {
				return
			}
			b.accepted <- nc.(*net.TCPConn)
		}
	}()
	t.Cleanup(func() {
		target.Close()
		for nc := range b.accepted {
			nc.Close()
		}
	})
	if b.Proxy, err = Listen("127.0.0.1:0", target.Addr().String(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return b
}

func rules(texts ...string) *Config { return &Config{Rules: MustParse(texts...), Seed: 1} }

// pair is a connection through the bench: its dialing end and its target end.
type pair struct{ c, s *net.TCPConn }

// dial returns the client's end only.
func (b *bench) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	nc, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return nc.(*net.TCPConn)
}

// accept returns the target's end of the next connection.
func (b *bench) accept(t *testing.T) *net.TCPConn {
	t.Helper()
	select {
	case nc := <-b.accepted:
		t.Cleanup(func() { nc.Close() })
		nc.SetDeadline(time.Now().Add(patience))
		return nc
	case <-time.After(patience):
		t.Fatal("the target got no connection")
		return nil
	}
}

func (b *bench) pair(t *testing.T) pair {
	t.Helper()
	return pair{b.dial(t), b.accept(t)}
}

// ends returns the sender and the receiver of a side.
func (p pair) ends(s Side) (from, to net.Conn) {
	if s == Up {
		return p.c, p.s
	}
	return p.s, p.c
}

// pattern returns bytes that differ from their neighbours; from is the offset of the first.
func pattern(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((from + i) * 7)
	}
	return b
}

// put writes n bytes of the pattern from an offset on; the connection may be cut meanwhile.
func put(t *testing.T, to net.Conn, from, n int) {
	t.Helper()
	if _, err := to.Write(pattern(from, n)); err != nil && !isReset(err) {
		t.Fatalf("Write: %v", err)
	}
}

// want reads exactly n bytes of the pattern from an offset on.
func want(t *testing.T, nc net.Conn, from, n int) {
	t.Helper()
	b := make([]byte, n)
	if got, err := io.ReadFull(nc, b); err != nil {
		t.Fatalf("got %d of %d bytes: %v", got, n, err)
	}
	if string(b) != string(pattern(from, n)) {
		t.Fatalf("%d bytes from %d are not those that were sent", n, from)
	}
}

// wantEnd reads n more bytes of the pattern and then the end: io.EOF or ECONNRESET.
func wantEnd(t *testing.T, nc net.Conn, from, n int, end error) {
	t.Helper()
	b, err := io.ReadAll(nc)
	if err == nil {
		err = io.EOF
	}
	if len(b) != n || !errors.Is(err, end) {
		t.Fatalf("got %d bytes and %v, want %d and %v", len(b), err, n, end)
	}
	if string(b) != string(pattern(from, n)) {
		t.Fatalf("%d bytes from %d are not those that were sent", n, from)
	}
}

// wantQuiet expects nothing to arrive.
func wantQuiet(t *testing.T, ncs ...net.Conn) {
	t.Helper()
	for _, nc := range ncs {
		nc.SetReadDeadline(time.Now().Add(quiet))
		if n, err := nc.Read(make([]byte, 1)); !isTimeout(err) {
			t.Fatalf("Read = %d, %v, want silence", n, err)
		}
		nc.SetReadDeadline(time.Now().Add(patience))
	}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// fired waits until a kind of fault has happened n times.
func (b *bench) fired(t *testing.T, k Kind, n int64) {
	t.Helper()
	eventually(t, k.String()+" happens", func() bool { return b.Counters().Faults[k] >= n })
}
