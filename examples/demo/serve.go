package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/server"
)

// serverEnv makes this program the demo's server process: its value is a serverSpec in JSON.
const serverEnv = "GANTLINE_DEMO_SERVER"

// serverSpec is what the server process gets.
type serverSpec struct {
	Addr   string // to listen on
	Ledger string // path
	Opt    options
}

// serverStatus is what the server reports, one line of JSON at a time.
type serverStatus struct {
	Addr   string
	State  string
	Pushed int64 // bytes of the file given to the stream by this process, and skipped
	tallies
}

const statusEvery = 100 * time.Millisecond

// serve is the whole life of the server process. It ends with in, which ends with the client's process.
func serve(text string, in io.Reader, out io.Writer) error {
	signal.Ignore(os.Interrupt) // an interrupt is for the client, which ends this process
	var spec serverSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	l, err := openLedger(spec.Ledger)
	if err != nil {
		return err
	}
	s := &serving{peer: newPeer("server", spec.Opt, l)}
	nl, err := listenAgain(spec.Addr)
	if err != nil {
		return err
	}
	ln := server.NewListener(nl, server.WithConfig(s.config()))
	defer ln.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	go s.report(ctx, ln.Addr().String(), out)
	for {
		end, err := ln.AcceptEnd(ctx)
		if err != nil {
			return l.failed
		}
		go s.visit(ctx, end) // ends with the End
	}
}

// listenAgain takes an address that another process has just left.
func listenAgain(addr string) (nl net.Listener, err error) {
	for range 200 {
		if nl, err = net.Listen("tcp", addr); err == nil {
			return nl, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, err
}

// serving is the server's side.
type serving struct {
	*peer
	pushed atomic.Int64
}

// report sends the status until ctx is done.
func (s *serving) report(ctx context.Context, addr string, out io.Writer) {
	t := time.NewTicker(statusEvery)
	defer t.Stop()
	enc := json.NewEncoder(out)
	for {
		s.mu.Lock()
		state := "waiting" // for the client
		if s.state != 0 {
			state = s.state.String()
		}
		s.mu.Unlock()
		st := serverStatus{Addr: addr, State: state, Pushed: s.pushed.Load(), tallies: s.sums()}
		if err := enc.Encode(st); err != nil {
			return
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// visit serves one End. It pushes the file from the client's position, and chats until the client says that it is done.
func (s *serving) visit(ctx context.Context, end *gantline.End) {
	work, stop := context.WithCancel(ctx)
	defer stop()
	var chat sync.WaitGroup
	sum := make(chan []byte, 1)
	finish.Handle(end, func(ctx context.Context, _ struct{}) (v verdict, err error) {
		stop()
		chat.Wait()
		select {
		case v.File.SHA256 = <-sum:
		case <-ctx.Done():
			return v, ctx.Err()
		}
		v.File.Size = s.pushed.Load()
		v.Wrong = s.complaints()
		return v, nil
	})
	chat.Go(func() { s.chat(work, end) })
	if err := s.push(end, sum); err != nil && end.Context().Err() == nil {
		s.complain("pushing the file: %v", err)
	}
	<-end.Context().Done()
}

// push sends the part of the file that the client lacks over a stream that the server opens. It gives the hash of the
// whole to sum.
func (s *serving) push(end *gantline.End, sum chan<- []byte) error {
	src, err := s.opt.source()
	if err != nil {
		return err
	}
	defer src.Close()
	ctx, cancel := context.WithTimeout(end.Context(), patience)
	defer cancel()
	from, err := position.Call(ctx, end, struct{}{}, gantline.Idempotent())
	if err != nil {
		return err
	}
	s.pushed.Store(0)
	all := &tally{sha256.New(), &s.pushed}
	if _, err := io.CopyN(all, src, from); err != nil {
		return err
	}
	st, err := end.OpenStream(ctx, gantline.WithName("file"), gantline.WithMeta(strconv.AppendInt(nil, from, 10)))
	if err != nil {
		return err
	}
	defer st.Close()
	r := &paced{r: src, rate: s.opt.Rate * (1 << 20), start: time.Now(), sleep: time.Sleep}
	if _, err := io.Copy(st, io.TeeReader(r, all)); err != nil {
		return fmt.Errorf("from %d on: %w", from, err)
	}
	if err := st.CloseWrite(); err != nil {
		return err
	}
	sum <- all.Sum(nil)
	<-end.Context().Done() // the stream stays until the client has read it
	return nil
}
