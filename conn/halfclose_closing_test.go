package conn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestLastWordUnheard: a Close that waits for the peer's acknowledgement says BYE after all, with its reason, when the peer
// has ended its direction and can acknowledge nothing more. Its caller learns what is not confirmed.
func TestLastWordUnheard(t *testing.T) {
	for _, size := range []int{1, 10 << 10, 40 << 10} {
		synctest.Test(t, func(t *testing.T) {
			l, tap, p := scripted(t, nil)
			p.settle()
			send(l, 1, make([]byte, size))
			closed := make(chan error, 1)
			go func() { closed <- l.Close(context.Background(), frame.Aborted, "kicked") }()
			synctest.Wait()
			p.nc.(halfCloser).CloseWrite()
			for h, _ := p.next(); h.Type != frame.TypeBye; h, _ = p.next() {
				if h.Type == frame.TypeData && int(h.Length) != size {
					t.Errorf("%d bytes came, want %d", h.Length, size)
				}
				if h.Type == frame.TypeData {
					size = 0
				}
			}
			var un *UnconfirmedError
			if err := <-closed; !errors.As(err, &un) || un.Bytes == 0 || !errors.Is(err, ErrSessionLost) {
				t.Errorf("Close returned %v", err)
			}
			if size != 0 {
				t.Error("BYE came before what was sent")
			}
			if err := tap.wantClose(t); !errors.Is(err, frame.Aborted) {
				t.Errorf("the handler learns %v", err)
			}
		})
	}
}
