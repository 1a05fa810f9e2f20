// Command demo shows one connection at work: a file, calls and messages over TCP on loopback. A server process pushes the
// file to a client over a stream it opened, while both sides call each other and exchange acked messages. Every two
// seconds the connection is cut with a reset, and everything continues. With -restart the server process is also killed
// and started again. At the end it says whether every byte, call and message arrived right.
//
// # Usage
//
//	go run ./examples/demo                     256 MiB of generated data at 40 MiB/s
//	go run ./examples/demo -restart 3s         kill -9 for the server now and then
//	go run ./examples/demo -file big.iso       a file of yours
//	go run ./examples/demo -rate 0             as fast as it goes
//	go run ./examples/demo -cut 100ms          a worse cable; 0 = a good one
//
// # Concurrency
//
// The client is this process and the server another one of the same program. They meet over TCP, and the server reports
// over its standard output. A ledger has a lock, counters are atomic; everything else belongs to one goroutine.
//
// # Errors
//
// Exit status 0 and "verdict: ok" only if the SHA-256 of the file, every call and every message are right; 1 with what
// was wrong otherwise; 2 for flags or files that cannot be used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

// options are the flags. The server process gets them as JSON.
type options struct {
	File     string
	Size     int64 // MiB to generate
	Rate     float64
	Calls    int
	Messages int
	Cut      time.Duration
	Restart  time.Duration
}

func main() {
	if spec := os.Getenv(serverEnv); spec != "" {
		if err := serve(spec, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "demo: server:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opt, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return 2
	}
	src, err := opt.source()
	if err != nil {
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return 2
	}
	_ = src.Close() // the server opens it again

	d := newDemo(opt, src)
	view := newView(stdout, d)
	err = d.run(ctx, view)
	view.close()
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "\ndemo: interrupted, no verdict")
		return 1
	}
	return d.report(stdout, err)
}

const usage = `demo pushes a file from a server process to a client while both call each other and exchange acked
messages over the same TCP connection on loopback. The connection is cut now and then, and with
-restart the server is killed; at the end the side that received counts, and the verdict says whether all is right.

A cut loses nothing: the session is resumed, each call runs once, each message comes once and in order.
Behind a kill the session is lost. The file's stream ends with ErrSessionLost, and the new server opens
another one from where the client is. Of the calls under way every second one is Idempotent and is made
again; the others are reported as of unknown outcome. Unacked messages are published again under their
ids, and Config.Dedup, which the demo keeps in the receiver's ledger, lets each through once.

Usage: go run ./examples/demo [flags]

`

func parse(args []string, stderr io.Writer) (options, error) {
	var opt options
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&opt.File, "file", "", "file to push; without it data is generated")
	fs.Int64Var(&opt.Size, "size", 256, "how much to generate, in `MiB`")
	fs.Float64Var(&opt.Rate, "rate", 40, "pace of the push in `MiB/s`, 0 = full speed")
	fs.IntVar(&opt.Calls, "calls", 100, "calls a second in each direction")
	fs.IntVar(&opt.Messages, "messages", 200, "acked messages a second in each direction")
	fs.DurationVar(&opt.Cut, "cut", 2*time.Second, "how often the connection is cut, 0 = never")
	fs.DurationVar(&opt.Restart, "restart", 0, "how often the server process is killed (kill -9) and, 0.3 s later, started again; 0 = never")
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return opt, err
		}
		return opt, errors.New("see go run ./examples/demo -help")
	}
	switch {
	case fs.NArg() > 0:
		return opt, fmt.Errorf("unexpected argument %q: a file is given with -file", fs.Arg(0))
	case opt.Rate < 0:
		return opt, fmt.Errorf("-rate %v: it must be 0 (full speed) or more MiB/s", opt.Rate)
	case opt.Size < 0 || opt.Size > 1<<20:
		return opt, fmt.Errorf("-size %d: it must be between 0 and %d MiB", opt.Size, 1<<20)
	case opt.Calls < 1 || opt.Calls > 10000:
		return opt, fmt.Errorf("-calls %d: it must be between 1 and 10000 a second", opt.Calls)
	case opt.Cut < 0 || opt.Cut > 0 && opt.Cut < 20*time.Millisecond:
		return opt, fmt.Errorf("-cut %v: it must be 0 (never) or at least 20ms", opt.Cut)
	case opt.Restart < 0 || opt.Restart > 0 && opt.Restart < time.Second:
		return opt, fmt.Errorf("-restart %v: it must be 0 (never) or at least 1s, so that the server gets something done in between", opt.Restart)
	case opt.Messages < 1 || opt.Messages > 10000:
		return opt, fmt.Errorf("-messages %d: it must be between 1 and 10000 a second", opt.Messages)
	}
	return opt, nil
}
