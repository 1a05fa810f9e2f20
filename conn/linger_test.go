package conn

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestSlowAfterError: a peer that goes on sending after its error is read slowly until the link has ended, whether or not
// it is known where its next frame begins.
func TestSlowAfterError(t *testing.T) {
	const most = lingerBytes + int(lingerTimeout/lingerPause+1)*lingerPiece + 1<<20 // what is on its way, too
	for name, wrong := range map[string][]byte{
		"a whole frame": frame.AppendHeader(nil, frame.Header{Type: frame.TypeHello}),
		"no frame":      make([]byte, frame.HeaderLen),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, tap, p := scripted(t, nil)
				go io.Copy(io.Discard, p.nc) // ends with the connection
				if _, err := p.nc.Write(wrong); err != nil {
					t.Fatal(err)
				}
				var piece []byte
				for range 16 {
					piece = append(frame.AppendHeader(piece, frame.Header{Type: 0x7F, Length: 1024}), make([]byte, 1024)...)
				}
				sent := 0
				for sent < 16*most {
					n, err := p.nc.Write(piece)
					if sent += n; err != nil {
						break
					}
				}
				if sent > most || sent < lingerBytes {
					t.Errorf("%d bytes were taken after the error, want at least %d and at most %d", sent, lingerBytes, most)
				}
				if err := tap.wantClose(t); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}
