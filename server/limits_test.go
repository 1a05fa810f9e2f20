package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// TestLimitsAreATable: each limit is counted under its name, and stands in its own documentation and in docs/LIMITS.md.
func TestLimitsAreATable(t *testing.T) {
	source, err := os.ReadFile("limits.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/LIMITS.md")
	if err != nil {
		t.Fatal(err)
	}
	var compare func(prefix string, limits, hits reflect.Type)
	compare = func(prefix string, limits, hits reflect.Type) {
		if limits.NumField() != hits.NumField() {
			t.Errorf("%v has %d fields, %v %d", limits, limits.NumField(), hits, hits.NumField())
		}
		for i := range limits.NumField() {
			f := limits.Field(i)
			h, ok := hits.FieldByName(f.Name)
			if !ok {
				t.Errorf("%s%s is not counted in Stats.Hits", prefix, f.Name)
				continue
			}
			if f.Type.Kind() == reflect.Struct {
				compare(f.Name+".", f.Type, h.Type)
				continue
			}
			if name := prefix + f.Name; !strings.Contains(string(source), "\n//\t"+name+" ") {
				t.Errorf("%s is not in the table of Limits", name)
			} else if !strings.Contains(string(page), "`"+name+"`") && !strings.Contains(string(page), "`server.Limits."+name+"`") {
				t.Errorf("%s is not in docs/LIMITS.md", name)
			}
		}
	}
	compare("", reflect.TypeFor[server.Limits](), reflect.TypeFor[server.Hits]())
}

// TestMadeAndDropped: 10,000 sessions made and dropped from one address in 21 s refuse nobody and cost nobody a session.
func TestMadeAndDropped(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 2000
	}
	synctest.Test(t, func(t *testing.T) {
		w := &town{mem: memnet.Listen("server"), turn: make(chan struct{}, 1), from: make(chan net.Addr, 1000)}
		w.ln = server.NewListener(fromListener{w.mem, w.from}, server.WithLimits(server.Limits{Peers: 100}))
		defer w.ln.Close()
		go func() {
			for {
				if _, err := w.ln.AcceptEnd(context.Background()); err != nil {
					return
				}
			}
		}()
		honest := func(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }
		var mine []*gantline.End
		var down atomic.Bool // then nobody can dial
		var mu sync.Mutex    // guards carriers
		var carriers []*memnet.Conn
		for i := range 20 {
			dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
				if down.Load() {
					return nil, errors.New("no way")
				}
				nc, err := w.dial(ctx, honest(i))
				if err == nil {
					mu.Lock()
					carriers = append(carriers, nc.(*memnet.Conn))
					mu.Unlock()
				}
				return nc, err
			}
			e, err := w.client(t.Context(), "", gantline.Config{ID: honest(i)}, client.WithDialFunc(dial))
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			mine = append(mine, e)
		}
		<-time.After(time.Minute)
		down.Store(true)
		for _, nc := range carriers { // they did nothing so far, and are away during the attack
			nc.Cut()
		}
		for i := range n {
			nc, err := w.dial(t.Context(), "203.0.113.9")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.made(nc, fmt.Sprint("made", i)); err != nil {
				t.Fatalf("%d: %v, stats %+v", i, err, w.ln.Stats())
			}
			nc.Write(ping())
			<-time.After(2100 * time.Microsecond)
			nc.Close()
			if i%1000 == 500 {
				e, err := w.client(t.Context(), "198.51.100.7", gantline.Config{ID: fmt.Sprint("new", i)})
				if err != nil {
					t.Errorf("a newcomer is refused: %v", err)
				} else {
					e.Close()
				}
				if st := w.ln.Stats(); st.Suspended > 20+64 {
					t.Errorf("stats %+v", st)
				}
			}
		}
		<-time.After(6 * time.Second)
		if st := w.ln.Stats(); st.Suspended > 20+8 || st.Hits.Suspended.Idle == 0 || st.Hits.Suspended.PerSource == 0 || st.Hits.Peers != 0 {
			t.Errorf("stats %+v", st)
		}
		down.Store(false)
		<-time.After(31 * time.Second) // a redial comes at the latest 30 s after the last
		for _, e := range mine {
			if st := e.Stats(); e.State() != gantline.StateUp || st.Sessions != 1 || st.Link.Resumes != 1 {
				t.Errorf("%s is %v, with %d sessions and %d resumes", e.LocalID(), e.State(), st.Sessions, st.Link.Resumes)
			}
		}
	})
}

// TestHonestCrowd: a crowd beyond all limits of handshakes gets in without anybody being evicted for being slow to be
// served.
func TestHonestCrowd(t *testing.T) {
	towns(t, server.Limits{Handshakes: 16}, gantline.Config{}, func(t *testing.T, w *town) {
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				e, err := w.client(t.Context(), fmt.Sprintf("192.0.%d.1", i), gantline.Config{ID: fmt.Sprint(i)}, client.WithoutRedial())
				if err != nil {
					t.Errorf("%d: %v", i, err)
					return
				}
				e.Close()
			})
		}
		wg.Wait()
		synctest.Wait()
		if st := w.ln.Stats(); st.Accepted != 300 || st.Failed != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// TestSilentSockets: with 1000 silent connections over sockets, an honest client gets in at once.
func TestSilentSockets(t *testing.T) {
	for _, cr := range carriers[1:] {
		t.Run(cr.name, func(t *testing.T) {
			ln, dial := cr.listen(t)
			mustDial(t, dial) // anything that is done once is done
			ctx, cancel := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			defer wg.Wait()
			defer cancel()
			for range 1000 {
				wg.Go(func() {
					var d net.Dialer
					for ctx.Err() == nil {
						nc, err := d.DialContext(ctx, ln.Addr().Network(), ln.Addr().String())
						if err != nil {
							return // no file descriptor left, for instance
						}
						stop := context.AfterFunc(ctx, func() { nc.Close() })
						io.Copy(io.Discard, nc)
						stop()
						nc.Close()
						select {
						case <-ctx.Done():
						case <-time.After(200 * time.Millisecond):
						}
					}
				})
			}
			eventually(t, "all handshakes are taken", func() bool { return ln.Stats().Hits.Handshakes > 0 })
			best := time.Hour
			for range 5 { // the machine may be busy otherwise
				start := time.Now()
				mustDial(t, dial)
				best = min(best, time.Since(start))
			}
			if best > 100*time.Millisecond {
				t.Errorf("an honest client got in after %v, stats %+v", best, ln.Stats())
			}
			if testing.Verbose() {
				t.Logf("an honest client got in after %v", best)
			}
		})
	}
}
