package vectors

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// recordLine is a record of sums.json.
type recordLine struct {
	From  string `json:"from"`
	Note  string `json:"note,omitempty"`
	Data  string `json:"data"`
	Sum   string `json:"sum"`
	Bytes string `json:"bytes"`
}

// sums is a side's records, made without the code under test.
type sums struct{ sum uint32 }

func (k *schedule) sums(role string) *sums {
	return &sums{binary.BigEndian.Uint32(mac256(k.secret, []byte("gantline 1 checksum "+role+"\x00")))}
}

func (s *sums) record(data []byte) []byte {
	n := len(data)
	body := append([]byte{byte(n >> 16), byte(n >> 8), byte(n), byte(n>>16) ^ byte(n>>8) ^ byte(n) ^ 0xA5}, data...)
	s.sum = crc32.Update(s.sum, crc32.MakeTable(crc32.Castagnoli), body)
	return append(binary.BigEndian.AppendUint32(nil, s.sum), body...)
}

// read takes a record off nc.
func (s *sums) read(t *testing.T, nc net.Conn) []byte {
	t.Helper()
	head := make([]byte, 8)
	if _, err := io.ReadFull(nc, head); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, int(head[4])<<16|int(head[5])<<8|int(head[6]))
	if _, err := io.ReadFull(nc, data); err != nil {
		t.Fatal(err)
	}
	if want := s.record(data); !bytes.Equal(want, append(head, data...)) {
		t.Fatalf("the record is %x, want %x", append(head, data...), want)
	}
	return data
}

// summed is a first handshake in which both sides agree on checksums.
func summed() (h frame.Hello, w frame.Welcome) {
	h = firstHello(defaultLimits, func(h *frame.Hello) { h.Features |= frame.FeatureWantSums })
	w = firstWelcome(defaultLimits, func(w *frame.Welcome) { w.Features = frame.FeatureSums })
	return h, w
}

// TestSums compares sums.json with the tests' own derivation, and plays both sides of it.
func TestSums(t *testing.T) {
	h, w := summed()
	hp, wp := frame.AppendHello(nil, &h), frame.AppendWelcome(nil, &w)
	k := newSchedule(hp, wp)
	x := hex.EncodeToString
	seed := func(role string) string { return x(binary.BigEndian.AppendUint32(nil, k.sums(role).sum)) }
	var all []recordLine
	by := map[string]*sums{client: k.sums(client), server: k.sums(server)}
	add := func(from, note string, data []byte) {
		rec := by[from].record(data)
		all = append(all, recordLine{from, note, x(data), x(rec[:4]), x(rec)})
	}
	ping := link(frame.TypePing, frame.AppendPing(nil, &frame.Ping{Opaque: 1}))
	pong := link(frame.TypePong, frame.AppendPing(nil, &frame.Ping{Opaque: 1}))
	body := data(0, early, []byte("hello"))
	add(client, "a whole frame", ping)
	add(server, "", pong)
	add(client, "two frames, the second one in part", append(bytes.Clone(ping), body[:7]...))
	add(client, "the rest of it", body[7:])
	add(server, "the same data as before: another sum", pong)
	golden(t, "sums.json", map[string]any{"about": "Records with checksums (section 5.8): what they begin with, and records of both sides in their order.",
		"hello": x(hp), "welcome": x(wp), "session_secret": x(k.secret), "client_seed": seed(client), "server_seed": seed(server), "records": all})
	for _, role := range []string{client, server} {
		t.Run(role, func(t *testing.T) {
			was := rand.Reader
			rand.Reader = draws(role)
			defer func() { rand.Reader = was }()
			synctest.Test(t, func(t *testing.T) { playSums(t, role, hp, wp, all) })
		})
	}
}

// playSums lets the side under test talk to a player that makes and checks records on its own.
func playSums(t *testing.T, role string, hello, welcome []byte, all []recordLine) {
	k := newSchedule(hello, welcome)
	r := newReal(t, role, defaultLimits)
	r.cfg.Checksum = role == client // the server follows the client's wish
	why := make(chan error, 1)
	r.cfg.OnBroken = func(_ *conn.Link, err error) { why <- err }
	near, far := memnet.Pipe()
	r.carrier(far)
	mine := client
	greeting := append(frame.AppendPreface(nil, frame.Version), link(frame.TypeHello, hello)...)
	expect, say := greeting, link(frame.TypeWelcome, welcome)
	if role == server {
		expect, say = say, expect
	} else {
		mine = server
	}
	write := func(b []byte) {
		if _, err := near.Write(b); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	if role == server {
		write(say)
	}
	got := make([]byte, len(expect))
	if _, err := io.ReadFull(near, got); err != nil || !bytes.Equal(got, expect) {
		t.Fatalf("%v, the handshake is %x, want %x", err, got, expect)
	}
	if role == client {
		write(say)
	}
	theirs := k.sums(role)
	if first := theirs.read(t, near); first[3] != byte(frame.TypePing) {
		t.Fatalf("the first record has %x", first)
	}
	var last []byte
	for _, l := range all {
		if l.From != mine {
			continue
		}
		b, err := hex.DecodeString(l.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		write(b)
		last = b
	}
	if r.link.Stats().FramesIn == 0 || r.link.State() != conn.StateUp || !r.link.Stats().Sums {
		t.Fatalf("%v, %+v", r.link.State(), r.link.Stats())
	}
	write(last) // once more: it is out of place
	if err := <-why; !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a doubled record broke the carrier with %v", err)
	}
	r.link.Abort(nil)
	<-r.link.Done()
	near.Close()
	<-r.result
	r.work.Wait()
}
