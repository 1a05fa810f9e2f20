package gantline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestSuspendedBytes: what suspended Ends hold is bounded. Who holds most is dropped; others come back.
func TestSuspendedBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Limits: Limits{Log: 8 << 20}})
		const maxSuspendedBytes = 64 << 20
		h.sessions.Limits.Bytes = maxSuspendedBytes
		const n = 19 // with 3.5 MiB each, and one with less
		var clients []*End
		for i := range n {
			clients = append(clients, h.client(&Config{ID: fmt.Sprint("c", i)}))
		}
		synctest.Wait()
		h.deaf(true) // what the server sends is not acknowledged
		for i, e := range h.ends {
			for range 60 - 20*min(1, i%n/(n-1)) {
				_, err := e.PublishAsync(t.Context(), "t", make([]byte, 60<<10))
				must(t, err)
			}
		}
		h.close()
		h.cut()
		synctest.Wait()
		held, lost := 0, 0
		for _, e := range h.ends {
			var why *Error
			switch {
			case e.State() == StateBroken:
				held += e.Stats().Link.LogMemory
			case errors.As(context.Cause(e.Context()), &why) && why.Code == ResourceExhausted && CodeOf(context.Cause(e.Context())) == Unavailable:
				lost++
			default:
				t.Errorf("%s is %v: %v", e.PeerID(), e.State(), context.Cause(e.Context()))
			}
		}
		if held > maxSuspendedBytes || held < maxSuspendedBytes*3/4 || lost == 0 || lost > 3 || h.ends[n-1].State() != StateBroken {
			t.Errorf("%d bytes are held, %d of %d Ends were dropped, the smallest is %v", held, lost, n, h.ends[n-1].State())
		}
		h.deaf(false)
		h.open()
		<-time.After(5 * time.Second)
		synctest.Wait()
		fresh := 0
		for _, c := range clients {
			if c.State() != StateUp {
				t.Errorf("%s is %v", c.LocalID(), c.State())
			}
			fresh += c.Stats().Sessions - 1
		}
		if fresh != lost {
			t.Errorf("%d clients have a fresh session, %d had to", fresh, lost)
		}
	})
}
