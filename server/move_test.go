package server_test

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
)

// TestMoveSameServer: the client of an End that drains has another one under the same id, at the same listener. Close ends
// both.
func TestMoveSameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, dial := listenMem(t)
		c := mustDial(t, dial, client.WithConfig(gantline.Config{ID: "c"}))
		old := mustAccept(t, ln)
		st, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(st, "x"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go old.Shutdown(t.Context())
		synctest.Wait()
		if ln.End("c") == old || old.State() != gantline.StateDraining || c.Stats().Sessions != 2 {
			t.Fatalf("the older End is %v, the client has had %d sessions", old.State(), c.Stats().Sessions)
		}
		next := mustAccept(t, ln)
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		for _, e := range []*gantline.End{old, next} {
			if e.Context().Err() == nil {
				t.Errorf("an End is %v", e.State())
			}
		}
	})
}
