package outbox

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// BenchmarkFile keeps and forgets a message of 256 bytes: alone, and in 64 goroutines that share fsyncs.
func BenchmarkFile(b *testing.B) {
	for _, bm := range []struct {
		name string
		sync time.Duration
	}{{"always", SyncAlways}, {"100ms", 100 * time.Millisecond}, {"never", SyncNever}} {
		file := func(b *testing.B) *File {
			f, err := Open(filepath.Join(b.TempDir(), "box"), &Options{Sync: bm.sync})
			must(b, err)
			b.Cleanup(func() { must(b, f.Close()) })
			b.SetBytes(256)
			b.ReportAllocs()
			return f
		}
		body := make([]byte, 256)
		one := func(b *testing.B, f *File) {
			m := &gantline.KeptMessage{ID: gantline.NewMessageID(), Topic: "bench.topic", Body: body, At: time.Now()}
			must(b, f.Keep("", m))
			must(b, f.Forget("", m.ID))
		}
		b.Run(bm.name+"/alone", func(b *testing.B) {
			f := file(b)
			for b.Loop() {
				one(b, f)
			}
		})
		b.Run(bm.name+"/64", func(b *testing.B) {
			f := file(b)
			b.SetParallelism(32) // for each of 2 processors
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one(b, f)
				}
			})
		})
	}
}
