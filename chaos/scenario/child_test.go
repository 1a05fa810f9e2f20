package scenario

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// childEnv makes this program a child of a test instead of a test: its value is a childSpec in JSON.
const childEnv = "GANTLINE_SCENARIO_CHILD"

// childLife bounds a child whose parent forgets it.
const childLife = 10 * time.Minute

// childSpec says what a child is to be.
type childSpec struct {
	Role   string        // of childRoles
	Addr   string        // the server's
	Dir    string        // where it records what happens to it
	Beat   time.Duration // heartbeat
	Expiry time.Duration // of sessions, 0 = the default
}

var childRoles = map[string]func(context.Context, childSpec) error{
	"server": childServer,
	"client": childClient,
}

// home is an address for a server that is killed and comes back. Its port is free in the meantime: on an address
// that all tests use, another test might get it.
func home() string {
	if runtime.GOOS != "linux" { // other systems have 127.0.0.1 only
		return "127.0.0.1:0"
	}
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d:0", 1+pid>>16&127, pid>>8&255, pid&255)
}

// runChild lives until its standard input ends, which it does with the parent, or brings a command.
func runChild(text string) error {
	time.AfterFunc(childLife, func() { os.Exit(3) })
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	role := childRoles[spec.Role]
	if role == nil {
		return fmt.Errorf("no role %q", spec.Role)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return role(ctx, spec)
}

// ready tells the parent.
func ready(what string) { fmt.Println(what) }

// journal is a file of lines. Each line is there once write(2) has returned, whatever becomes of the process.
type journal struct{ f *os.File }

func openJournal(dir, name string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return &journal{f}, err
}

func (j *journal) note(format string, args ...any) error {
	_, err := fmt.Fprintf(j.f, format+"\n", args...)
	return err
}

// readJournal calls line for each.
func readJournal(dir, name string, line func(text string) error) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if err := line(s.Text()); err != nil {
			return fmt.Errorf("%s: %q: %w", name, s.Text(), err)
		}
	}
	return s.Err()
}

// books is what a child records before it answers: calls it ran and messages it was given.
type books struct{ calls, messages *journal }

func openBooks(dir string) (b books, err error) {
	if b.calls, err = openJournal(dir, "calls"); err == nil {
		b.messages, err = openJournal(dir, "messages")
	}
	return b, err
}

// setup registers "count", which records a number and takes its time, and the subscription "number".
func (b books) setup(e *gantline.End) error {
	e.Handle("count", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) {
		n := binary.BigEndian.Uint64(req.Body)
		if err := b.calls.note("%d", n); err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(n%5) * time.Millisecond)
		return binary.BigEndian.AppendUint64(nil, n+1), nil
	}))
	e.Handle("hello", gantline.HandlerFunc(func(ctx context.Context, req *gantline.Request) ([]byte, error) {
		return gantline.FromContext(ctx).Call(ctx, "hello", req.Body)
	}))
	e.Subscribe("number", func(_ context.Context, m *gantline.Message) error {
		err := b.messages.note("%d %t", binary.BigEndian.Uint64(m.Body), m.Redelivered)
		time.Sleep(2 * time.Millisecond) // recorded and not acked: a kill finds one like that
		return err
	})
	return nil
}

// childServer answers, echoes streams and keeps its books.
func childServer(ctx context.Context, spec childSpec) error {
	b, err := openBooks(spec.Dir)
	if err != nil {
		return err
	}
	nl, err := listenAgain(spec.Addr)
	if err != nil {
		return err
	}
	ln := server.NewListener(nl, server.WithConfig(gantline.Config{Setup: b.setup, Logger: quiet, Heartbeat: spec.Beat, SessionExpiry: spec.Expiry}))
	defer ln.Close()
	ready(ln.Addr().String())
	for {
		e, err := ln.AcceptEnd(ctx)
		if err != nil {
			return nil // it is asked to end
		}
		go echoAll(ctx, e) // ends with the End
	}
}

// childClient is the same on the dialling side.
func childClient(ctx context.Context, spec childSpec) error {
	b, err := openBooks(spec.Dir)
	if err != nil {
		return err
	}
	e, err := client.Dial(ctx, "tcp", spec.Addr, client.WithConfig(gantline.Config{ID: "child", Setup: b.setup, Logger: quiet, Heartbeat: spec.Beat, SessionExpiry: spec.Expiry}))
	if err != nil {
		return err
	}
	defer e.Close()
	ready(e.LocalID())
	echoAll(ctx, e)
	return nil
}

// echoAll sends back what arrives on the streams of an End.
func echoAll(ctx context.Context, e *gantline.End) {
	for {
		st, err := e.AcceptStream(ctx)
		if err != nil {
			return
		}
		go func() { // ends with the stream
			defer st.Close()
			_, _ = io.Copy(st, st)
		}()
	}
}

// listenAgain takes an address that another process has just left. A dial from this machine may hold its port
// for a moment.
func listenAgain(addr string) (nl net.Listener, err error) {
	for range 500 {
		if nl, err = net.Listen("tcp", addr); err == nil {
			return nl, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, err
}
