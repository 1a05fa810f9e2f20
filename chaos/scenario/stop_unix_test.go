//go:build unix

package scenario

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// meet connects this process to a child that is the other side. again returns the End that exists when the child is
// back: the same one here, or, for a server whose session was lost, the next.
func meet(t *testing.T, child string, spec childSpec) (p *process, end *gantline.End, again func() *gantline.End) {
	t.Helper()
	cfg := gantline.Config{Logger: quiet, Heartbeat: spec.Beat, SessionExpiry: spec.Expiry}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if child == "server" {
		spec.Role, spec.Addr = "server", "127.0.0.1:0"
		p = start(t, spec)
		end, err := client.Dial(ctx, "tcp", p.said, client.WithConfig(cfg))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { end.Close() })
		return p, end, func() *gantline.End { return end }
	}
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(cfg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	spec.Role, spec.Addr = "client", ln.Addr().String()
	p = start(t, spec)
	accept := func() *gantline.End {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		end, err := ln.AcceptEnd(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return end
	}
	return p, accept(), accept
}

// TestStop: SIGSTOP for one side, for less and for more time than the session lives without a carrier. After a short
// stop, what was sent to it in the meantime arrives. After a long one the other side has its verdict already, and the
// stopped one does not act on what is still in its socket.
func TestStop(t *testing.T) {
	tests := []struct {
		child string
		long  bool
		stop  time.Duration
		spec  childSpec
	}{
		{"server", false, stopShort, childSpec{Beat: time.Second, Expiry: 2*stopShort + 10*time.Second}},
		{"client", false, stopShort, childSpec{Beat: time.Second, Expiry: 2*stopShort + 10*time.Second}},
		{"server", true, stopLong, childSpec{Beat: time.Second, Expiry: stopLong / 4}},
		{"client", true, stopLong, childSpec{Beat: time.Second, Expiry: stopLong / 4}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s for %v, expiry %v", tt.child, tt.stop, tt.spec.Expiry), func(t *testing.T) {
			t.Parallel()
			const call, message = 100, 200
			tt.spec.Dir = t.TempDir()
			p, end, again := meet(t, tt.child, tt.spec)
			ctx, cancel := context.WithTimeout(t.Context(), 3*stopLong)
			defer cancel()
			body := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
			if _, err := end.Call(ctx, "count", body(1)); err != nil {
				t.Fatal(err)
			}
			st, err := end.OpenStream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			echo := make([]byte, 6)
			say(t, st, "before")
			if _, err := io.ReadFull(st, echo); err != nil || string(echo) != "before" {
				t.Fatalf("echo %q, %v", echo, err)
			}

			began := time.Now()
			p.stop()
			called := end.Go(ctx, "count", body(call))
			published := make(chan error, 1)
			if _, err := end.PublishAsync(ctx, "number", body(message), gantline.OnDone(func(err error) { published <- err })); err != nil {
				t.Fatal(err)
			}
			say(t, st, "during")
			read := make(chan error, 1)
			go func() {
				_, err := io.ReadFull(st, echo)
				read <- err
			}()
			if tt.long {
				_, err := called.Wait(ctx)
				if !errors.Is(err, gantline.ErrUnknownOutcome) || !errors.Is(err, gantline.ErrSessionLost) {
					t.Errorf("the call's verdict: %v", err)
				}
				if err := <-read; !errors.Is(err, gantline.ErrSessionLost) {
					t.Errorf("the stream's verdict: %v", err)
				}
				t.Logf("verdict %v after the stop", time.Since(began).Round(time.Millisecond))
			}
			time.Sleep(time.Until(began.Add(tt.stop)))
			back := time.Now()
			p.goOn()

			if tt.long {
				end = again()
			} else {
				if _, err := called.Wait(ctx); err != nil {
					t.Errorf("the call: %v", err)
				}
				if err := <-read; err != nil || string(echo) != "during" {
					t.Errorf("the stream: %q, %v", echo, err)
				}
			}
			if _, err := end.Call(ctx, "count", body(2)); err != nil { // after everything before
				t.Fatal(err)
			}
			t.Logf("well again %v after SIGCONT", time.Since(back).Round(time.Millisecond))
			err = <-published
			if lost := tt.long && tt.child == "client"; lost != errors.Is(err, gantline.ErrSessionLost) || !lost && err != nil {
				t.Errorf("the message: %v", err)
			}
			time.Sleep(200 * time.Millisecond) // what the stopped side had still to do
			calls, messages := readBooks(t, tt.spec.Dir)
			want := map[bool]int{false: 1, true: 0}[tt.long]
			if n := calls[call]; n != want || calls[1] != 1 || calls[2] != 1 {
				t.Errorf("the call ran %d times, want %d; those around it %d and %d", n, want, calls[1], calls[2])
			}
			got := messages[message]
			switch {
			case !tt.long && (len(got) != 1 || got[0]),
				tt.long && tt.child == "server" && (len(got) != 1 || !got[0]), // by the fresh session
				tt.long && tt.child == "client" && len(got) != 0:
				t.Errorf("the message arrived %d times, flagged %v", len(got), got)
			}
			if n := end.Stats().Sessions; (n > 1) != (tt.long && tt.child == "server") {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// say writes text, for which there is room.
func say(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// stop is SIGSTOP, and waits until it has stopped.
func (p *process) stop() {
	p.t.Helper()
	pid := p.cmd.Process.Pid
	var status syscall.WaitStatus
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		p.t.Fatal(err)
	}
	if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		p.t.Fatalf("not stopped: %v, %v", status, err)
	}
}

// goOn is SIGCONT.
func (p *process) goOn() {
	p.t.Helper()
	if err := syscall.Kill(p.cmd.Process.Pid, syscall.SIGCONT); err != nil {
		p.t.Fatal(err)
	}
}
