package conn

import (
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestSentAfterBye: the position in the peer's BYE is final, so what lies after it was not sent, though a carrier had it.
func TestSentAfterBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tap, p := scripted(t, nil)
		p.settle()
		one, two := make([]byte, 100), make([]byte, 200)
		send(l, 2, one)
		synctest.Wait()
		l.Lock()
		first := l.Sent()
		l.Unlock()
		send(l, 2, two)
		synctest.Wait()
		l.Lock()
		both := l.Sent()
		l.Unlock()
		if first == 0 || both <= first {
			t.Fatalf("sent %d, then %d bytes", first, both)
		}
		p.bye(frame.OK, "", first)
		<-l.Done()
		if err := tap.wantClose(t); err == nil {
			t.Error("the handler was not closed")
		}
		l.Lock()
		defer l.Unlock()
		if got := l.Sent(); got != first {
			t.Errorf("the peer has taken %d bytes, Sent is %d", first, got)
		}
	})
}
