package conn

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// teller is a Handler that records the counters of group 1 in the order in which they came.
type teller struct {
	mu   sync.Mutex // guards told
	told []uint64
}

func (r *teller) HandleFrame(_ frame.Header, fr *frame.Reader) error { return fr.Skip() }
func (r *teller) Fill() bool                                         { return false }
func (r *teller) HandleClose(error)                                  {}

func (r *teller) HandleReleased(total [frame.Groups]uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, total[1])
	return nil
}

// TestResumeCountersRead: what a resume tells of released bytes reaches the handler before what the new carrier brings,
// however slow OnState is.
func TestResumeCountersRead(t *testing.T) {
	for _, slow := range []string{"client", "server"} {
		t.Run(slow, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var server *Link
				config := func(side string) *Config {
					ups := 0
					return &Config{Logger: quiet, OnBroken: func(*Link, error) {}, OnState: func(s State) {
						if s != StateUp {
							return
						}
						if ups++; ups == 2 && side == slow {
							<-time.After(time.Second)
						}
					}}
				}
				sc := config("server")
				sc.Find = func([16]byte) (*Link, error) { return server, nil }
				var accepts sync.WaitGroup
				dial := func() net.Conn {
					a, b := memnet.Pipe()
					accepts.Go(func() {
						if l, resumed, err := Accept(context.Background(), b, sc); err == nil && !resumed {
							server = l
						}
					})
					return a
				}
				first := dial()
				client, err := Client(t.Context(), first, config("client"))
				if err != nil {
					t.Fatal(err)
				}
				accepts.Wait()
				rc, rs := new(teller), new(teller)
				client.Start(rc)
				server.Start(rs)
				first.Close()
				synctest.Wait()
				client.Release(1, 100) // announced by the resume
				server.Release(1, 100)
				accepts.Go(func() {
					if err := client.Resume(context.Background(), dial()); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
				client.Release(1, relByItself) // announced at once by the carrier
				server.Release(1, relByItself)
				accepts.Wait()
				synctest.Wait()
				for side, r := range map[string]*teller{"client": rc, "server": rs} {
					r.mu.Lock()
					if len(r.told) != 2 || r.told[0] != 100 || r.told[1] != 100+relByItself {
						t.Errorf("the %s's handler got %d", side, r.told)
					}
					r.mu.Unlock()
				}
				abort(client, server)
			})
		})
	}
}
