package conn

import (
	"bytes"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// frameOf appends a DATA frame of n bytes in all to g.
func frameOf(g *sendLog, n int, fill byte) []byte {
	b := g.alloc(n)
	frame.PutHeader(b, frame.Header{Type: frame.TypeData, Length: uint32(n - frame.HeaderLen)})
	for i := range b[frame.HeaderLen:] {
		b[frame.HeaderLen+i] = fill
	}
	return b
}

// from returns everything between pos and the end of the log.
func (g *sendLog) from(pos uint64) (all []byte) {
	for c := g.head; c != nil; c = c.next {
		if pos < c.end() {
			all = append(all, c.buf[pos-c.base:c.w]...)
			pos = c.end()
		}
	}
	return all
}

// flush takes one flush and returns its bytes.
func flush(g *sendLog) []byte {
	var all []byte
	for _, b := range g.take(nil, flushSize) {
		all = append(all, b...)
	}
	return all
}

func TestLogCursors(t *testing.T) {
	var g sendLog
	a := bytes.Clone(frameOf(&g, 20, 1))
	b := bytes.Clone(frameOf(&g, 30, 2))
	if g.unacked() != 50 || g.unsent() != 50 || g.mem != chunkSize {
		t.Fatalf("%+v", g)
	}
	if got := flush(&g); !bytes.Equal(got, append(a, b...)) {
		t.Fatalf("flush took %x", got)
	}
	if g.unsent() != 0 || g.sent != 50 {
		t.Fatal("sent did not move")
	}
	if len(g.take(nil, flushSize)) != 0 {
		t.Fatal("took something twice")
	}
	g.ack(20)
	if g.mem != chunkSize {
		t.Fatal("chunk recycled although a frame is unacknowledged")
	}
	g.ack(50)
	if g.mem != chunkSize || g.head == nil {
		t.Fatal("chunk recycled while it is being written")
	}
	g.unpin()
	if g.mem != 0 || g.head != nil || g.tail != nil || g.cur != nil {
		t.Fatalf("idle log holds %d bytes", g.mem)
	}
}

// TestLogPinnedTail appends after a frame that is acknowledged before its
// Write has returned: the chunk goes on being filled.
func TestLogPinnedTail(t *testing.T) {
	var g sendLog
	frameOf(&g, 100, 1)
	flush(&g)
	g.ack(100)
	frameOf(&g, 100, 2)
	if g.head != g.tail || g.mem != chunkSize {
		t.Fatal("a second chunk was taken")
	}
	g.unpin()
	if g.mem != chunkSize {
		t.Fatal("chunk recycled with an unsent frame in it")
	}
	if got := flush(&g); len(got) != 100 || got[99] != 2 {
		t.Fatalf("flush took %d bytes", len(got))
	}
	g.ack(200)
	g.unpin()
	if g.mem != 0 {
		t.Fatal("memory left")
	}
}

func TestLogChunks(t *testing.T) {
	var g sendLog
	const big = 64<<10 + frame.HeaderLen
	for range 8 {
		frameOf(&g, big, 1)
	}
	n := 0
	for c := g.head; c != nil; c = c.next {
		if c.w != 2*big {
			t.Errorf("chunk holds %d bytes, want two frames", c.w)
		}
		n++
	}
	if n != 4 || g.mem != 4*chunkSize {
		t.Fatalf("%d chunks, %d bytes", n, g.mem)
	}
	for i := range 4 {
		if got := flush(&g); len(got) != 2*big {
			t.Fatalf("flush %d took %d bytes", i, len(got))
		}
		g.unpin()
	}
	g.ack(3 * 2 * big)
	if g.free.n != 3 || g.mem != 4*chunkSize {
		t.Fatalf("%d chunks free, %d bytes held", g.free.n, g.mem)
	}
	g.ack(g.appended)
	if g.mem != 0 || g.free.n != 0 {
		t.Fatal("idle log holds memory")
	}
}

// TestLogKeepsFewChunks shows that a log which has been long gives its chunks
// back as it gets shorter.
func TestLogKeepsFewChunks(t *testing.T) {
	var g sendLog
	for range 40 {
		frameOf(&g, chunkSize, 1)
	}
	for g.unsent() > 0 {
		flush(&g)
		g.unpin()
	}
	g.ack(39 * chunkSize)
	if want := (1 + keepChunks) * chunkSize; g.mem != want {
		t.Errorf("holds %d bytes, want %d", g.mem, want)
	}
}

// TestLogTakesMuch: a flush is as long as it may be, and ends between two chunks.
func TestLogTakesMuch(t *testing.T) {
	var g sendLog
	for range 10 {
		frameOf(&g, chunkSize, 1)
	}
	for _, tt := range []struct{ size, want int }{{flushSize, 1}, {3*chunkSize - 1, 2}, {3 * chunkSize, 3}, {shortFlush, 4}} {
		if n := len(g.take(nil, tt.size)); n != tt.want {
			t.Errorf("a flush of %d bytes took %d chunks, want %d", tt.size, n, tt.want)
		}
	}
	g.unpin()
	g.ack(g.sent)
	if g.mem != 0 {
		t.Errorf("holds %d bytes", g.mem)
	}
}

func TestLogOversize(t *testing.T) {
	var g sendLog
	const huge = 1 << 20
	frameOf(&g, 100, 1)
	frameOf(&g, huge, 2)
	frameOf(&g, 100, 3)
	var all []byte
	for g.unsent() > 0 {
		all = append(all, flush(&g)...)
		g.unpin()
	}
	if len(all) != huge+200 || all[100+huge-1] != 2 || all[len(all)-1] != 3 {
		t.Fatalf("flushed %d bytes", len(all))
	}
	if err := g.rewind(100); err != nil {
		t.Fatal(err)
	}
	if got := g.from(100); len(got) != huge+100 {
		t.Fatalf("%d bytes left behind 100", len(got))
	}
	flush(&g)
	g.unpin()
	flush(&g)
	g.unpin()
	g.ack(g.appended)
	if g.mem != 0 {
		t.Errorf("%d bytes left", g.mem)
	}
}

func TestLogTail(t *testing.T) {
	var g sendLog
	if b, n := g.lastFrame(); b != nil || n != 0 {
		t.Fatal("a last frame in an empty log")
	}
	frameOf(&g, 20, 1)
	frameOf(&g, 30, 2)
	b, spare := g.lastFrame()
	if len(b) != 30 || b[29] != 2 || spare != chunkSize-50 {
		t.Fatalf("last frame of %d bytes, %d spare", len(b), spare)
	}
	x := g.extend(10)
	if len(x) != 10 || g.appended != 60 {
		t.Fatal("not extended")
	}
	if b, _ = g.lastFrame(); len(b) != 40 {
		t.Fatalf("last frame of %d bytes", len(b))
	}
	if g.extend(chunkSize) != nil || g.appended != 60 {
		t.Fatal("extended beyond the chunk")
	}
	flush(&g)
	if b, _ := g.lastFrame(); b != nil {
		t.Fatal("a frame that a flush has taken can still grow")
	}
	if g.extend(1) != nil {
		t.Fatal("extended a frame that a flush has taken")
	}
	g.unpin()
}

func TestLogRewind(t *testing.T) {
	var g sendLog
	for i := range 10 {
		frameOf(&g, 60<<10, byte(i))
	}
	const n = 60 << 10
	for range 4 {
		flush(&g)
		g.unpin()
	}
	if g.sent != 8*n {
		t.Fatalf("sent %d frames", g.sent/n)
	}
	g.ack(2 * n)
	for _, bad := range []uint64{0, n, 2*n - 1, 2*n + 1, 3*n + frame.HeaderLen, 8*n - 1, 8*n + 1, 9 * n, 1 << 60} {
		before := g
		if err := g.rewind(bad); err == nil {
			t.Errorf("rewind to %d worked", bad)
		}
		if g.sent != before.sent || g.acked != before.acked || g.cur != before.cur {
			t.Errorf("failed rewind to %d changed the log", bad)
		}
	}
	for _, good := range []uint64{2 * n, 5 * n, 5 * n} {
		if err := g.rewind(good); err != nil {
			t.Fatal(err)
		}
		if g.sent != good || g.acked != good {
			t.Fatalf("sent %d acked %d after rewind to %d", g.sent, g.acked, good)
		}
		got := flush(&g)
		g.unpin()
		if len(got) == 0 || got[frame.HeaderLen] != byte(good/n) {
			t.Fatalf("flush after rewind to %d begins elsewhere", good)
		}
		for g.unsent() > 0 {
			flush(&g)
			g.unpin()
		}
	}
	if err := g.rewind(10 * n); err != nil {
		t.Fatal(err)
	}
	if g.mem != 0 {
		t.Errorf("%d bytes left when the peer has everything", g.mem)
	}
	if err := g.rewind(10 * n); err != nil {
		t.Errorf("rewind of an empty log: %v", err)
	}
}
