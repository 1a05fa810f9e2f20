package outbox

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline"
)

func fixed(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// sample returns a file with messages 1 to 5, 2 forgotten, and the offset where each record ends.
func sample(t testing.TB) (data []byte, ends []int) {
	t.Helper()
	d := newFakeDisk()
	f := openOn(t, d, Options{})
	note := func() { ends = append(ends, len(d.data(testPath))) }
	note()
	for n := 1; n <= 5; n++ {
		keep(t, f, "", n)
		note()
		if n == 3 {
			forget(t, f, "", 2)
			note()
		}
	}
	must(t, f.Close())
	return d.data(testPath), ends
}

// sampleAfter is what the first n records of sample keep.
func sampleAfter(n int) []int {
	return [][]int{{}, {1}, {1, 2}, {1, 2, 3}, {1, 3}, {1, 3, 4}, {1, 3, 4, 5}}[n]
}

// TestTorn: a file that ends at any byte has the complete records; the rest is moved aside.
func TestTorn(t *testing.T) {
	data, ends := sample(t)
	for cut := range data {
		d := newFakeDisk()
		d.put(testPath, data[:cut])
		if cut < headerSize {
			_, err := open(d, testPath, nil)
			want(t, err, ErrCorrupt)
			continue
		}
		whole, exact := slices.BinarySearch(ends, cut)
		if !exact {
			whole--
		}
		f := openOn(t, d, Options{})
		check(t, f, "", sampleAfter(whole)...)
		torn := f.Torn()
		if exact != (torn == nil) {
			t.Fatalf("cut at %d: torn %v", cut, torn)
		}
		if !exact {
			if torn.Offset != int64(ends[whole]) || torn.Bytes != int64(cut-ends[whole]) || torn.Saved != 0 || !bytes.Equal(d.data(torn.Aside), data[ends[whole]:cut]) {
				t.Fatalf("cut at %d: %v", cut, torn)
			}
			if !strings.Contains(torn.Error(), testPath) {
				t.Error(torn)
			}
		}
		keep(t, f, "", 9)
		must(t, f.Close())
		f = openOn(t, d, Options{})
		check(t, f, "", append(slices.Clone(sampleAfter(whole)), 9)...)
		if f.Torn() != nil {
			t.Fatalf("cut at %d: torn again: %v", cut, f.Torn())
		}
		must(t, f.Close())
	}
}

// TestChanged: a byte that changed after the disk had it is reported and nothing is touched. In the last record it
// cannot be distinguished from a torn one.
func TestChanged(t *testing.T) {
	data, ends := sample(t)
	last := ends[len(ends)-2]
	for at := range data {
		changed := slices.Clone(data)
		changed[at] ^= 1 << (at % 8)
		d := newFakeDisk()
		d.put(testPath, changed)
		f, err := open(d, testPath, silent(Options{}))
		if at < last {
			if err == nil {
				t.Fatalf("byte %d: opened", at)
			}
			want(t, err, ErrCorrupt)
			if !bytes.Equal(d.data(testPath), changed) || len(d.list(testPath)) != 1 {
				t.Fatalf("byte %d: touched", at)
			}
			continue
		}
		must(t, err)
		check(t, f, "", 1, 3, 4)
		if f.Torn() == nil || !bytes.Equal(d.data(f.Torn().Aside), changed[last:]) {
			t.Fatalf("byte %d: torn %v", at, f.Torn())
		}
		must(t, f.Close())
	}
}

// TestSaved: complete records stay even if the disk was not known to have them, in whatever order it wrote
// them.
func TestSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDisk()
		f := openOn(t, d, Options{})
		keep(t, f, "", 1)
		safe := len(d.data(testPath))
		hold := make(chan struct{})
		d.set(func(d *fakeDisk) { d.hold = hold })
		var wg sync.WaitGroup
		for n := 2; n <= 5; n++ {
			wg.Go(func() { keep(t, f, "", n) })
			synctest.Wait()
		}
		data := d.data(testPath)
		close(hold)
		wg.Wait()
		must(t, f.Close())

		clear(data[safe : safe+headSize+10]) // of 2
		d = newFakeDisk()
		d.put(testPath, data)
		f = openOn(t, d, Options{})
		check(t, f, "", 1, 3, 4, 5)
		if torn := f.Torn(); torn == nil || torn.Offset != int64(safe) || torn.Saved != 3 || !bytes.Equal(d.data(torn.Aside), data[safe:]) {
			t.Errorf("torn %v", torn)
		}
		must(t, f.Close())
	})
}

// TestTornAndFull: without room to move the torn end aside nothing is touched.
func TestTornAndFull(t *testing.T) {
	data, _ := sample(t)
	data = data[:len(data)-1]
	d := newFakeDisk()
	d.put(testPath, data)
	for room := range int64(400) {
		d.set(func(d *fakeDisk) { d.room = room })
		f, err := open(d, testPath, silent(Options{}))
		if err == nil {
			if room < 200 {
				t.Fatalf("opened with %d bytes of room", room)
			}
			check(t, f, "", 1, 3, 4)
			must(t, f.Close())
			return
		}
		want(t, err, syscall.ENOSPC, gantline.ResourceExhausted)
		if !bytes.Equal(d.data(testPath), data) {
			t.Fatalf("touched with %d bytes of room", room)
		}
		d.set(func(d *fakeDisk) { d.names = map[string]*fakeInode{testPath: d.names[testPath]} })
	}
	t.Error("never opened")
}

// TestForged: bytes inside a message that look like a record are not one, even when the message is torn.
func TestForged(t *testing.T) {
	data, ends := sample(t)
	d := newFakeDisk()
	d.put(testPath, data)
	f := openOn(t, d, Options{})
	m := message(8)
	m.Body = slices.Concat(data[ends[0]:], make([]byte, 100))
	must(t, f.Keep("", m))
	must(t, f.Close())
	whole := d.data(testPath)
	d.put(testPath, whole[:len(whole)-50])
	f = openOn(t, d, Options{})
	check(t, f, "", 1, 3, 4, 5)
	if f.Torn() == nil || f.Torn().Saved != 0 {
		t.Errorf("torn %v", f.Torn())
	}
	must(t, f.Close())
}

// TestVersion: a file of another version is not touched.
func TestVersion(t *testing.T) {
	header := fileHeader(7)
	header[11] = 2
	copy(header[20:], binarySum(header[:20]))
	d := newFakeDisk()
	d.put(testPath, header)
	_, err := open(d, testPath, nil)
	want(t, err, ErrCorrupt)
	if !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
}
