package promise

import (
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// TestFilePush: the server opens a stream and pushes a file of 8 MiB with io.Copy. The client, which copies it
// into a hash, gets the same bytes every time.
func TestFilePush(t *testing.T) {
	watchdog(t, time.Minute+pushes*2*time.Second)
	c, s := pair(t, gantline.Config{}, gantline.Config{})
	path := filepath.Join(t.TempDir(), "file")
	data := pattern(8*mib, 1)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(data)
	wrong := 0
	start := time.Now()
	for i := range pushes {
		sent := make(chan error, 1)
		go func() { sent <- push(t, s, path) }()
		sum := sha256.New()
		n, err := pull(t, c, sum)
		if werr := <-sent; werr != nil {
			t.Errorf("push %d: %v", i, werr)
		}
		if err != nil || n != int64(len(data)) || [32]byte(sum.Sum(nil)) != want {
			wrong++
			t.Errorf("push %d: %d bytes, SHA-256 %x, %v", i, n, sum.Sum(nil), err)
		}
		if wrong > 3 {
			break
		}
	}
	took := time.Since(start)
	t.Logf("%d of %d files wrong, %.0f MB/s with hashing", wrong, pushes, float64(len(data))*pushes/1e6/took.Seconds())
}

func push(t *testing.T, end *gantline.End, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := end.OpenStream(t.Context(), gantline.WithName("file"))
	if err != nil {
		return err
	}
	if _, err := io.Copy(st, f); err != nil {
		_ = st.Reset(err)
		return err
	}
	return st.Close()
}

func pull(t *testing.T, end *gantline.End, sum hash.Hash) (int64, error) {
	st, err := end.AcceptStream(t.Context())
	if err != nil {
		return 0, err
	}
	defer st.Close()
	return io.Copy(sum, st)
}
