package conn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// TestResumeAfterBye: the server has said goodbye, and the client, whose cable was cut before it learned of that, comes
// back while the server still waits for the answer. It learns that the session was closed, and what it took.
func TestResumeAfterBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		x.exchange(1)
		<-time.After(time.Second) // all of it is acknowledged, so that BYE need not wait
		x.near.BlockReads(true)
		go x.s.Close(context.Background(), frame.Unavailable, "restart")
		synctest.Wait()
		var refused *RefusedError
		if err := x.say(x.c, x.hello(), nil); !errors.As(err, &refused) || !refused.Closed || refused.Code != frame.Unavailable ||
			!refused.HasPosition || refused.Position != x.c.Sent() {
			t.Errorf("answer %+v", err)
		}
		x.near.Cut()
		synctest.Wait()
		x.c.Abort(nil)
		<-x.s.Done()
	})
}
