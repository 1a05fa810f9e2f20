package flight

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestBufferSizes(t *testing.T) {
	for _, tc := range []struct{ n, room int }{
		{0, 0}, {1, 1}, {512, 512}, {513, 1 << 10}, {1 << 10, 1 << 10}, {1<<10 + 1, 2 << 10},
		{100 << 10, 128 << 10}, {128 << 10, 128 << 10}, {128<<10 + 1, 128<<10 + 1},
	} {
		var b Buffer
		if s := b.Make(tc.n); len(s) != 0 || cap(s) != tc.room {
			t.Errorf("%d bytes: length %d, capacity %d, want %d", tc.n, len(s), cap(s), tc.room)
		}
		b.Release()
	}
	(*Buffer)(nil).Release()
	new(Buffer).Release()
}

// TestBufferHeld: the memory is free when its maker and all flights have released it, in any order.
func TestBufferHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		learned := make(owner, 2)
		for _, settled := range []bool{true, false} {
			var b Buffer
			body := append(b.Make(2000), "body"...)
			for range 2 {
				f := New(learned)
				f.Buffer = &b
				must(t, f.Start(context.Background(), r.s, &message, body))
			}
			if n := b.held.Load(); n != 3 {
				t.Errorf("two flights under way, %d hold the memory, want 3", n)
			}
			if settled {
				b.Release()
			}
			r.answer(nil, "")
			<-learned
			synctest.Wait()
			if b.mem == nil {
				t.Error("a flight is under way and the memory is free")
			}
			r.answer(nil, "")
			<-learned
			synctest.Wait()
			if free := b.mem == nil; free != settled {
				t.Errorf("all flights over, free: %v, want %v", free, settled)
			}
			if !settled {
				b.Release()
			}
			if b.mem != nil {
				t.Error("nobody holds the memory, and it is not free")
			}
		}
	})
}

// TestBufferNotStarted: a start that fails releases what it held.
func TestBufferNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.end()
		var b Buffer
		f := New(nil)
		f.Buffer = &b
		if f.Start(context.Background(), r.s, &message, b.Make(2000)) == nil {
			t.Fatal("started on a session that is gone")
		}
		if n := b.held.Load(); n != 1 {
			t.Errorf("%d hold the memory, want its maker alone", n)
		}
	})
}
