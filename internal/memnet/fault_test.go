package memnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestCutAfter cuts at each byte of three Writes and expects exactly that prefix.
func TestCutAfter(t *testing.T) {
	const writes, size = 3, 5
	for cut := range writes*size + 1 {
		t.Run(strconv.Itoa(cut), func(t *testing.T) {
			a, b := Pipe()
			defer b.Close()
			defer a.Close()
			mustWrite(t, b, "lost")
			a.CutAfter(cut)
			sent := 0
			for i := range writes {
				n, err := a.Write(bytes.Repeat([]byte{byte(i)}, size))
				sent += n
				if wantErr := (i+1)*size > cut; wantErr != errors.Is(err, syscall.ECONNRESET) {
					t.Fatalf("write %d = %d, %v", i, n, err)
				}
			}
			if sent != cut {
				t.Fatalf("written %d, want %d", sent, cut)
			}
			wantWriteFail(t, b, syscall.ECONNRESET)
			wantReadFail(t, a, syscall.ECONNRESET)
			got, err := io.ReadAll(b)
			if len(got) != cut || !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("delivered %d, %v, want %d, ECONNRESET", len(got), err, cut)
			}
		})
	}
}

func TestCutAfterCountsFromTheCall(t *testing.T) {
	a, b := Pipe()
	defer b.Close()
	defer a.Close()
	mustWrite(t, a, "before")
	a.CutAfter(3)
	a.CutAfter(-1)
	mustWrite(t, a, "taken back")
	a.CutAfter(0)
	wantWriteFail(t, a, syscall.ECONNRESET)
	wantRead(t, b, "beforetaken back")
	wantReadFail(t, b, syscall.ECONNRESET)
}

func TestCutLosesWhatIsOnTheWay(t *testing.T) {
	a, b := Pipe()
	defer b.Close()
	defer a.Close()
	mustWrite(t, a, "on the way")
	a.Cut()
	a.Cut()
	wantReadFail(t, b, syscall.ECONNRESET)
}

// blocked starts the call in the bubble, lets it block, runs end, and returns what the call got.
func blocked(call func() (int, error), end func()) (n int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err = call()
	}()
	synctest.Wait()
	end()
	<-done
	return n, err
}

// TestBlockedCallsEnd: every way to end a blocked Read and a blocked Write.
func TestBlockedCallsEnd(t *testing.T) {
	tests := []struct {
		name        string
		end         func(a, b *Conn)
		read, write error
	}{
		{"close", func(a, _ *Conn) { a.Close() }, net.ErrClosed, net.ErrClosed},
		{"peer closes", func(_, b *Conn) { b.Close() }, io.EOF, syscall.EPIPE},
		{"cut here", func(a, _ *Conn) { a.Cut() }, syscall.ECONNRESET, syscall.ECONNRESET},
		{"cut there", func(_, b *Conn) { b.Cut() }, syscall.ECONNRESET, syscall.ECONNRESET},
		{"past deadline", func(a, _ *Conn) { a.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"future deadline", func(a, _ *Conn) { a.SetDeadline(time.Now().Add(time.Hour)) }, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
	}
	for _, stalled := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(tt.name+"/stalled "+strconv.FormatBool(stalled), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					for _, write := range []bool{false, true} {
						a, b := Pipe(WithBuffer(1))
						mustWrite(t, a, "x") // full, and nothing comes back
						a.BlockReads(stalled)
						a.BlockWrites(stalled)
						call, want := a.Read, tt.read
						if write {
							call, want = a.Write, tt.write
						}
						if stalled && want == io.EOF {
							continue // a stalled reader does not see the end either
						}
						n, err := blocked(func() (int, error) { return call([]byte("y")) }, func() { tt.end(a, b) })
						wantFail(t, "blocked call", n, err, want)
						a.Close()
						b.Close()
					}
				})
			})
		}
	}
}

func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		defer b.Close()
		defer a.Close()
		b.BlockReads(true)
		mustWrite(t, a, "late")
		buf := make([]byte, 16)
		n, err := blocked(func() (int, error) { return b.Read(buf) }, func() {
			if b.Counters().BytesRead != 0 {
				t.Error("a stalled Read got bytes")
			}
			b.BlockReads(false)
		})
		if string(buf[:n]) != "late" || err != nil {
			t.Fatalf("Read = %q, %v", buf[:n], err)
		}
		a.BlockWrites(true)
		n, err = blocked(func() (int, error) { return a.Write([]byte("later")) }, func() {
			if a.Buffered() != 0 {
				t.Error("a stalled Write moved bytes")
			}
			a.BlockWrites(false)
		})
		if n != 5 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		wantRead(t, b, "later")
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const d = 30 * time.Millisecond
		a, b := Pipe(WithLatency(d))
		defer b.Close()
		defer a.Close()
		begin := time.Now()
		wantAt := func(want time.Duration) {
			t.Helper()
			if got := time.Since(begin); got != want {
				t.Fatalf("arrived after %v, want %v", got, want)
			}
		}
		mustWrite(t, a, "one ")
		mustWrite(t, a, "two")
		time.AfterFunc(d/2, func() { mustWrite(t, a, "three"); a.CloseWrite() })
		wantRead(t, b, "one two") // what arrived together is read together
		wantAt(d)
		wantRead(t, b, "three")
		wantAt(d * 3 / 2)
		wantReadFail(t, b, io.EOF)
		wantAt(d * 3 / 2)
		mustWrite(t, b, "back")
		wantRead(t, a, "back")
		wantAt(d * 5 / 2)
	})
}

// TestCutAfterWithLatency: the prefix still takes its time.
func TestCutAfterWithLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(WithLatency(time.Second))
		defer b.Close()
		defer a.Close()
		a.CutAfter(3)
		begin := time.Now()
		if n, err := a.Write([]byte("prefix")); n != 3 || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("Write = %d, %v", n, err)
		}
		wantRead(t, b, "pre")
		if got := time.Since(begin); got != time.Second {
			t.Fatalf("prefix arrived after %v", got)
		}
		wantReadFail(t, b, syscall.ECONNRESET)
	})
}

func TestPieces(t *testing.T) {
	sizes := func(opts ...Option) (reads []int) {
		a, b := Pipe(opts...)
		defer b.Close()
		mustWrite(t, a, "0123456789")
		a.Close()
		buf := make([]byte, 64)
		for {
			n, err := b.Read(buf)
			if err == io.EOF {
				return reads
			}
			if err != nil {
				t.Fatal(err)
			}
			reads = append(reads, n)
		}
	}
	equal := func(name string, got, want []int) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: reads of %v, want %v", name, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: reads of %v, want %v", name, got, want)
			}
		}
	}
	equal("default", sizes(), []int{10})
	equal("max read", sizes(WithMaxRead(4)), []int{4, 4, 2})
	equal("max write", sizes(WithMaxWrite(3)), []int{3, 3, 3, 1})
	equal("both", sizes(WithMaxWrite(5), WithMaxRead(3)), []int{3, 2, 3, 2})
	random := sizes(WithMaxWrite(5), WithMaxRead(4), WithSeed(7))
	equal("seeded", sizes(WithMaxWrite(5), WithMaxRead(4), WithSeed(7)), random)
	total := 0
	for _, n := range random {
		if n < 1 || n > 4 {
			t.Fatalf("random read of %d, want 1 to 4", n)
		}
		total += n
	}
	if total != 10 || len(random) < 3 {
		t.Fatalf("random reads of %v", random)
	}
}

func TestCounters(t *testing.T) {
	a, b := Pipe()
	defer b.Close()
	defer a.Close()
	mustWrite(t, a, "12345")
	mustWrite(t, a, "678")
	wantRead(t, b, "12345678")
	if got, want := a.Counters(), (Counters{BytesWritten: 8, Writes: 2}); got != want {
		t.Errorf("writer: %+v, want %+v", got, want)
	}
	if got, want := b.Counters(), (Counters{BytesRead: 8, Reads: 1}); got != want {
		t.Errorf("reader: %+v, want %+v", got, want)
	}
}
