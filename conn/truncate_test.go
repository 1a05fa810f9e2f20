package conn

import (
	"bytes"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestCloseNeverTruncates sends 200 KiB and closes at once, over real sockets,
// while the other side sends without end. Everything must arrive and be
// confirmed.
func TestCloseNeverTruncates(t *testing.T) {
	rounds := 30
	if raceEnabled {
		rounds = 5
	}
	for _, network := range []struct{ name, addr string }{{"tcp", "127.0.0.1:0"}, {"tls", "127.0.0.1:0"}} {
		t.Run(network.name, func(t *testing.T) {
			for range rounds {
				a, b := socketPipe(t, "tcp", network.addr)
				if network.name == "tls" {
					a, b = tlsPipe(t, a, b)
				}
				c, s := shake(t, a, b, patient, patient)
				down := &bulk{l: s, body: make([]byte, 10_000), left: 1 << 30}
				var got []byte
				st := newTap()
				st.fill = down.Fill
				st.onFrame = func(h frame.Header, r *frame.Reader) error {
					p, err := r.Payload()
					got = append(got, p...)
					return err
				}
				ct := newTap()
				ct.onFrame = func(frame.Header, *frame.Reader) error { return nil }
				c.Start(ct)
				s.Start(st)
				var want []byte
				c.Lock()
				for i := range 25 {
					body := bytes.Repeat([]byte{byte(i)}, 8<<10)
					want = append(want, body...)
					put(c, 1, body)
				}
				c.Wake()
				c.Unlock()
				if err := c.Close(t.Context(), frame.OK, ""); err != nil {
					t.Fatal(err)
				}
				st.wantClose(t)
				<-s.Done()
				if !bytes.Equal(got, want) {
					t.Fatalf("%d of %d bytes arrived", len(got), len(want))
				}
			}
		})
	}
}
