package outbox

import (
	"errors"
	"slices"
	"testing"

	"github.com/gantline-project/gantline"
)

// sealed makes a file of records with correct sums. Each record is a byte for the kind, one for the length, and
// payload.
func sealed(data []byte) []byte {
	out := fileHeader(7)
	for len(data) >= 2 {
		kind, n := uint32(data[0]%4), min(int(data[1]), len(data)-2)
		r := record{append(make([]byte, headSize), data[2:2+n]...)}
		r.seal(kind, 7, int64(len(out)), headerSize)
		out, data = append(out, r.b...), data[2+n:]
	}
	return append(out, data...)
}

// FuzzOpen: any file is either opened or refused. An opened one can be used and opened again with the same
// messages; a refused one is not touched.
func FuzzOpen(f *testing.F) {
	data, ends := sample(f)
	f.Add(data, false)
	f.Add(data[:ends[3]], false)
	f.Add(data[:ends[4]+7], false)
	f.Add(data[:10], false)
	f.Add([]byte{}, false)
	changed := append([]byte(nil), data...)
	changed[ends[2]+30] ^= 4
	f.Add(changed, false)
	p := appendKeep(nil, "p", message(1))
	q := appendForget(nil, "p", []gantline.MessageID{message(1).ID})
	f.Add(slices.Concat([]byte{kindKeep, byte(len(p))}, p, []byte{kindForget, byte(len(q))}, q, []byte{kindKeep, byte(len(p))}, p), true)
	f.Add(slices.Concat([]byte{kindKeep, 3}, p[:3]), true)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal {
			data = sealed(data)
		}
		d := newFakeDisk()
		d.put(testPath, data)
		file, err := open(d, testPath, silent(Options{}))
		if err != nil {
			want(t, err, ErrCorrupt)
			if string(d.data(testPath)) != string(data) {
				t.Fatal("touched")
			}
			return
		}
		n := 0
		count := func() (n int) {
			for _, peer := range file.Peers() {
				all, err := file.Pending(peer)
				if errors.Is(err, ErrCorrupt) { // a payload that its writer did not write
					return -1
				}
				must(t, err)
				n += len(all)
			}
			return n
		}
		if n = count(); n < 0 {
			_ = file.Close()
			return
		}
		must(t, file.Keep("fuzz", message(1)))
		must(t, file.Forget("fuzz", message(1).ID))
		must(t, file.Close())
		file = openOn(t, d, Options{})
		if got := count(); got != n || file.Torn() != nil {
			t.Fatalf("%d messages, then %d; torn %v", n, got, file.Torn())
		}
		must(t, file.Close())
	})
}

// FuzzRecord: a payload is read or refused, and what was read is written the same way again.
func FuzzRecord(f *testing.F) {
	for n := range 3 {
		f.Add(appendKeep(nil, "peer", message(n)))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, _, _ = parseForget(payload)
		peer, m, err := parseKeep(payload)
		if err != nil {
			return
		}
		if key, id, err := keepKey(payload); err != nil || key != peer || id != m.ID {
			t.Fatalf("key is %q %v, %v", key, id, err)
		}
		again := appendKeep(nil, peer, m)
		if p, m2, err := parseKeep(again); err != nil || p != peer || m2.Topic != m.Topic || string(m2.Body) != string(m.Body) || len(m2.Metadata) != len(m.Metadata) {
			t.Fatalf("%v becomes %v, %v", m, m2, err)
		}
	})
}
