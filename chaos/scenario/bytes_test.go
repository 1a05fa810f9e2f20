package scenario

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/chaos"
)

// firstBytes is how far into a connection every byte is tried.
const (
	firstBytes = 2000
	byteTries  = (firstBytes-1)/byteStep + 1
)

// TestEveryByte resets one connection after each number of its first bytes, handshake included, and the next.
// The client ends up connected, and a call and a message get through.
func TestEveryByte(t *testing.T) {
	for _, way := range []string{"up", "down"} {
		t.Run(way, func(t *testing.T) {
			x := newTotals()
			for n := 1; n <= firstBytes; n += byteStep {
				r := newRig(t, uint64(n), time.Second, fmt.Sprintf("rst@%s:%d#1-3", way, n))
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				for i := range uint64(5) {
					if got, err := r.client.end.Call(ctx, "count", make([]byte, 8)); err != nil || len(got) != 8 {
						t.Fatalf("byte %d: call %d: %v", n, i, err)
					}
					if err := r.server.end.Publish(ctx, "number", []byte{0, 0, 0, 0, 0, 0, 0, byte(i + 1)}); err != nil {
						t.Fatalf("byte %d: message %d: %v", n, i, err)
					}
				}
				cancel()
				r.client.mu.Lock()
				r.server.mu.Lock()
				messages, calls := r.client.count, r.server.ran[0]
				r.client.messages, r.server.calls = messages, calls
				if len(r.client.wrong) > 0 || messages != 5 || calls != 5 {
					t.Errorf("byte %d: %v, %d messages, %d calls", n, r.client.wrong, messages, calls)
				}
				r.server.mu.Unlock()
				r.client.mu.Unlock()
				x.add(r)
				x.progress(t, byteTries)
				r.close()
			}
			x.log(t, "reset at each byte, "+way)
		})
	}
}

// TestEveryByteOfResume: a connection is cut under streams, calls and messages of both sides. The one that is to
// resume the session is reset after each number of its first bytes, resume handshake included. Nothing is lost.
func TestEveryByteOfResume(t *testing.T) {
	for _, way := range []string{"up", "down"} {
		t.Run(way, func(t *testing.T) {
			x := newTotals()
			for n := 1; n <= firstBytes; n += byteStep {
				r := newRig(t, uint64(n), time.Second, fmt.Sprintf("rst@%s:%d#2", way, n))
				r.underWay(uint64(n))
				x.add(r)
				x.progress(t, byteTries)
				r.close()
				if t.Failed() {
					t.Fatalf("byte %d", n)
				}
			}
			x.log(t, "resume reset at each, "+way)
			if want := int64(3 * byteTries); x.cuts != want { // a stall, our cut, and the reset
				t.Errorf("%d faults, want %d: not every resume was reset", x.cuts, want)
			}
		})
	}
}

// underWay starts a stream, calls and messages each way, cuts the connection under them, and checks their outcomes.
func (r *rig) underWay(seed uint64) {
	r.t.Helper()
	const each, size = 8, 32 << 10
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	var work sync.WaitGroup
	if _, err := r.proxy.Inject(chaos.MustFault("stall"), 1); err != nil { // nothing arrives before the cut
		r.t.Fatal(err)
	}
	for i, pair := range [][2]*side{{r.client, r.server}, {r.server, r.client}} {
		from, to := pair[0], pair[1]
		work.Go(func() { to.echo(ctx, 1) })
		work.Go(func() { from.push(ctx, seed*2+uint64(i), size) })
		for n := range uint64(each) {
			body := binary.BigEndian.AppendUint64(nil, n+1)
			call := from.end.Go(ctx, "count", body)
			work.Go(func() {
				if got, err := call.Wait(ctx); err != nil || binary.BigEndian.Uint64(got) != n+2 {
					from.complain("call %d: %x, %v", n+1, got, err)
				}
			})
			work.Add(1)
			_, err := from.end.PublishAsync(ctx, "number", body, gantline.OnDone(func(err error) {
				if err != nil {
					from.complain("message %d: %v", n+1, err)
				}
				work.Done()
			}))
			if err != nil {
				from.complain("message %d: %v", n+1, err)
				work.Done()
			}
		}
	}
	r.proxy.Cut()
	work.Wait()
	for _, s := range []*side{r.client, r.server} {
		s.mu.Lock()
		s.audit(each, each)
		if s.count != each || s.last != each || len(s.ran) != each {
			r.t.Errorf("%s: %d messages up to %d arrived and %d calls ran, want %d", s.name, s.count, s.last, len(s.ran), each)
		}
		for n, times := range s.ran {
			if times != 1 {
				r.t.Errorf("%s: call %d ran %d times", s.name, n, times)
			}
		}
		for _, w := range s.wrong {
			r.t.Error(w)
		}
		s.mu.Unlock()
	}
}
