package conn

import (
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
)

func TestFrameSize(t *testing.T) {
	const ms = int64(time.Millisecond)
	type ack struct {
		n, left uint64
		took    int64
		want    int
	}
	for _, tc := range []struct {
		name string
		acks []ack // left < 0 cannot be: a took of -1 is the end of a carrier
	}{
		{"a fast path takes all after 128 KiB", []ack{
			{4 << 10, 0, ms, minFrame}, {60 << 10, 0, ms, 32 << 10}, {64 << 10, 0, ms, frame.DefaultMaxPayload}}},
		{"single frames after a delayed ack say nothing against the path", []ack{
			{200 << 10, 0, ms, frame.DefaultMaxPayload}, {12, 0, 10 * ms, frame.DefaultMaxPayload}, {12, 0, 10 * ms, frame.DefaultMaxPayload}}},
		{"200 KB/s that a writer waits for", []ack{
			{200 << 10, 0, ms, frame.DefaultMaxPayload}, {5000, satFloor, 25 * ms, frame.DefaultMaxPayload},
			{5000, satFloor, 25 * ms, 10000}, {5000, satFloor, 25 * ms, 10000}}},
		{"1 KB/s", []ack{{100, satFloor, 100 * ms, minFrame}}},
		{"20 KiB per carrier", []ack{
			{20 << 10, 1 << 20, ms, 10 << 10}, {0, 1 << 20, -1, 10 << 10}, {6 << 10, 1 << 20, ms, 10 << 10}, {0, 1 << 20, -1, minFrame}}},
		{"nothing was under way when the carrier broke", []ack{
			{200 << 10, 0, ms, frame.DefaultMaxPayload}, {0, 0, -1, frame.DefaultMaxPayload}, {12, 0, ms, frame.DefaultMaxPayload}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := frameSize{max: minFrame}
			for i, a := range tc.acks {
				if a.took < 0 {
					s.broke(a.left)
				} else {
					s.acked(a.n, a.left, a.took)
				}
				if s.max != a.want {
					t.Fatalf("step %d: frames of %d bytes, want %d", i, s.max, a.want)
				}
			}
		})
	}
}
