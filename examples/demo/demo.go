package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
)

var quiet = slog.New(slog.DiscardHandler)

// demo is one run, seen from the client's process.
type demo struct {
	opt    options
	size   int64 // of the file
	source string
	start  time.Time
	took   time.Duration

	client *peer
	cable  cable
	proc   process

	pulled  atomic.Int64  // bytes of the file
	streams atomic.Int64  // that brought them
	lost    atomic.Int64  // streams that reported ErrSessionLost
	pulling chan struct{} // capacity 1: full while a stream is read
	sum     hash.Hash

	server verdict     // the server's last words
	books  *ledger     // its record
	over   atomic.Bool // both are there
}

func newDemo(opt options, src *source) *demo {
	return &demo{opt: opt, size: src.size, source: src.name, start: time.Now(), client: newPeer("client", opt, newLedger()),
		pulling: make(chan struct{}, 1), sum: sha256.New(), books: newLedger()}
}

// run starts the server process and a client, and lets them work until the file is transferred.
func (d *demo) run(ctx context.Context, v *view) (err error) {
	dir, err := os.MkdirTemp("", "gantline-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d.proc.opt, d.proc.dir = d.opt, dir
	if err := d.proc.start(); err != nil {
		return err
	}
	defer d.proc.kill()

	cfg := d.client.config()
	cfg.Setup = func(end *gantline.End) error {
		position.Handle(end, d.position)
		return d.client.setup(end)
	}
	end, err := client.Dial(ctx, "tcp", d.proc.addr(), client.WithConfig(cfg), client.WithDialFunc(d.cable.dial))
	if err != nil {
		return err
	}
	defer end.Close()
	v.start(ctx)
	if err := d.work(ctx, end); err != nil {
		return err
	}
	d.took = time.Since(d.start)
	limited, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if d.server, err = finish.Call(limited, end, struct{}{}); err != nil {
		return fmt.Errorf("asking the server how it went: %w", err)
	}
	if err := errors.Join(end.Close(), d.proc.stop()); err != nil {
		return err
	}
	d.books, err = openLedger(d.proc.ledgerPath())
	if err == nil {
		d.over.Store(true)
		err = d.books.f.Close()
	}
	return err
}

// work is everything that runs while the cable is cut and the server is killed.
func (d *demo) work(ctx context.Context, end *gantline.End) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	var trouble, chat sync.WaitGroup
	var failed error
	trouble.Go(func() { d.cable.keepCutting(work, d.opt.Cut) })
	trouble.Go(func() {
		if failed = d.proc.keepKilling(work, d.opt.Restart); failed != nil {
			stop()
		}
	})
	chat.Go(func() { d.client.chat(work, end) })
	err := d.pull(work, end)
	stop()
	trouble.Wait()
	if failed != nil {
		return failed
	}
	chat.Wait()
	return err
}

// pull takes the file from the streams that the server opens, one after the other.
func (d *demo) pull(ctx context.Context, end *gantline.End) error {
	for {
		st, err := end.AcceptStream(ctx)
		if err != nil {
			return err
		}
		err = d.read(ctx, st)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, gantline.ErrSessionLost):
			return fmt.Errorf("reading the file at %d: %w", d.pulled.Load(), err)
		}
		d.lost.Add(1) // the server was killed; the next one opens a stream again
	}
}

// read takes the bytes of one stream.
func (d *demo) read(ctx context.Context, st *gantline.Stream) error {
	d.pulling <- struct{}{}
	defer func() { <-d.pulling }()
	defer st.Close()
	defer context.AfterFunc(ctx, func() { _ = st.Reset(gantline.Canceled) })()
	d.streams.Add(1)
	if from, err := strconv.ParseInt(string(st.Meta()), 10, 64); err != nil || from != d.pulled.Load() {
		return fmt.Errorf("the server begins at %q", st.Meta())
	}
	_, err := io.Copy(&tally{d.sum, &d.pulled}, st)
	return err
}

// position tells a new server how much of the file is here. It waits for the end of the old server's stream.
func (d *demo) position(ctx context.Context, _ struct{}) (int64, error) {
	select {
	case d.pulling <- struct{}{}:
		defer func() { <-d.pulling }()
		return d.pulled.Load(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// tally hashes and counts what is written to it.
type tally struct {
	hash.Hash
	n *atomic.Int64
}

func (t *tally) Write(p []byte) (int, error) {
	t.n.Add(int64(len(p)))
	return t.Hash.Write(p)
}
