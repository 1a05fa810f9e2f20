package server_test

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/gantline-project/gantline"
)

// TestJSONBodies: bodies of 4 MiB that would be hundreds of MiB of structs are refused before they are decoded, and an
// honest client has no error.
func TestJSONBodies(t *testing.T) {
	type record struct {
		Name  string
		Sizes [8]int64
	}
	a := attack(t, gantline.Config{}, func(e *gantline.End) {
		gantline.Handle(e, "records", func(_ context.Context, rs []record) (int, error) { return len(rs), nil })
	})
	hostile := mustDial(t, a.dial, named("hostile"))
	for _, member := range []string{"{},", "0,", "null,"} {
		body := append([]byte("["), bytes.Repeat([]byte(member), (4<<20-2)/len(member))...)
		body[len(body)-1] = ']'
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				_, err := hostile.Call(t.Context(), "records", body, gantline.WithCodec(gantline.JSON))
				if gantline.CodeOf(err) != gantline.InvalidArgument {
					t.Errorf("%s: %v", member, err)
				}
			})
		}
		wg.Wait()
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 16*4*4 {
			t.Errorf("%s: %d MiB were allocated for 64 MiB of bodies", member, n)
		}
	}
	a.rest()
}
