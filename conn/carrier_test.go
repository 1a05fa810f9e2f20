package conn

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"
)

// writes is a net.Conn that notes what each Write got.
type writes struct {
	net.Conn
	sizes []int
	all   []byte
	fail  int // the Write that fails, 1 = the first
}

func (w *writes) Write(b []byte) (int, error) {
	if len(w.sizes)+1 == w.fail {
		return 0, errors.New("broken")
	}
	w.sizes = append(w.sizes, len(b))
	w.all = append(w.all, b...)
	return len(b), nil
}

// TestWriteAll shows how many writes a carrier without writev gets.
func TestWriteAll(t *testing.T) {
	for _, tt := range []struct {
		name   string
		pieces []int
		writes []int
	}{
		{"one", []int{100}, []int{100}},
		{"one large", []int{130 << 10}, []int{64 << 10, 64 << 10, 2 << 10}},
		{"small ones", []int{44, 100, 3000}, []int{3144}},
		{"fits", []int{44, 64<<10 - 44}, []int{64 << 10}},
		{"small before large", []int{44, 130 << 10}, []int{16 << 10, 64 << 10, 130<<10 - (16<<10 - 44) - 64<<10}},
		{"small, large, small", []int{44, 70 << 10, 10}, []int{16 << 10, 70<<10 - (16<<10 - 44) + 10}},
		{"half a batch before large", []int{30 << 10, 60 << 10}, []int{30 << 10, 60 << 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := new(writes)
			c := newCarrier(&Link{base: time.Now()}, w)
			var bufs [][]byte
			for i, n := range tt.pieces {
				bufs = append(bufs, bytes.Repeat([]byte{byte(i + 1)}, n))
			}
			want := bytes.Join(bufs, nil)
			if err := c.writeAll(bufs); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(w.all, want) {
				t.Error("other bytes were written")
			}
			if len(w.sizes) != len(tt.writes) {
				t.Fatalf("writes %v, want %v", w.sizes, tt.writes)
			}
			for i := range w.sizes {
				if w.sizes[i] != tt.writes[i] {
					t.Fatalf("writes %v, want %v", w.sizes, tt.writes)
				}
			}
			for i := range w.sizes {
				w := &writes{fail: i + 1}
				c := newCarrier(&Link{base: time.Now()}, w)
				if err := c.writeAll(bufs); err == nil {
					t.Errorf("write %d failed and writeAll did not", i+1)
				}
			}
		})
	}
}
