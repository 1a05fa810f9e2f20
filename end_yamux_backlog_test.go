package gantline

import (
	"encoding/binary"
	"io"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestYamuxBacklogForgetsResets: streams that a yamux peer opens and resets before anybody has taken them leave room
// in the backlog for others, whether or not a hook hears of them.
func TestYamuxBacklogForgetsResets(t *testing.T) {
	for name, hook := range map[string]func(*Stream) error{"no hook": nil, "hook": func(*Stream) error { return nil }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe()
				const syn, fin, rst = 1, 4, 8
				say := func(id uint32, flags uint16) {
					frame := binary.BigEndian.AppendUint16([]byte{0, 1}, flags) // window update
					frame = binary.BigEndian.AppendUint32(frame, id)
					_, err := b.Write(binary.BigEndian.AppendUint32(frame, 0))
					must(t, err)
				}
				go io.Copy(io.Discard, b) // ends with b
				say(1, syn)
				e, err := Server(short(t), a, quiet(&Config{Yamux: true, OnStream: hook, Limits: Limits{AcceptBacklog: 4}}))
				must(t, err)
				defer func() {
					_ = b.Close()
					_ = e.Close()
				}()
				say(1, rst)
				id := uint32(3)
				for ; id < 23; id += 2 {
					synctest.Wait()
					say(id, syn)
					synctest.Wait()
					say(id, rst)
				}
				synctest.Wait()
				say(id, syn)
				say(id, fin)
				st, err := e.AcceptStream(short(t))
				must(t, err)
				if st.mx.ID() != uint64(id) {
					t.Errorf("stream %d was accepted, want %d", st.mx.ID(), id)
				}
			})
		})
	}
}
