// Command demo shows one connection at work: a server pushes a file to a client over a stream it opened,
// while both sides call each other and exchange acked messages, all over one loopback TCP connection.
// Every two seconds the connection is cut with a reset, and everything goes on. At the end it says whether every
// byte, call and message arrived right, once.
//
// # Usage
//
//	go run ./examples/demo                     256 MiB of generated data at 40 MiB/s
//	go run ./examples/demo -file big.iso       a file of yours
//	go run ./examples/demo -rate 0             as fast as it goes
//	go run ./examples/demo -cut 100ms          a worse cable; 0 = a good one
//
// # Concurrency
//
// Both sides run in this process and meet only over TCP. The counters of package-level type tally are
// atomic; everything else belongs to one goroutine.
//
// # Errors
//
// Exit status 0 and "verdict: ok" only if the SHA-256 of the file, every call and every message are right;
// 1 with what was wrong otherwise; 2 for flags or files that cannot be used.
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

// options are the flags.
type options struct {
	file     string
	size     int64 // MiB to generate
	rate     float64
	calls    int
	messages int
	cut      time.Duration
}

func main() {
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
	defer src.Close()

	d := &demo{opt: opt, src: src, start: time.Now()}
	view := newView(stdout, d)
	err = d.run(ctx, view)
	view.close()
	return d.report(stdout, err)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var opt options
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&opt.file, "file", "", "file to push; without it data is generated")
	fs.Int64Var(&opt.size, "size", 256, "how much to generate, in `MiB`")
	fs.Float64Var(&opt.rate, "rate", 40, "pace of the push in `MiB/s`, 0 = full speed")
	fs.IntVar(&opt.calls, "calls", 100, "calls a second in each direction")
	fs.IntVar(&opt.messages, "messages", 200, "acked messages a second in each direction")
	fs.DurationVar(&opt.cut, "cut", 2*time.Second, "how often the connection is cut, 0 = never")
	fs.Usage = func() {
		fmt.Fprint(stderr, "demo pushes a file from a server to a client while both call each other and exchange acked\n"+
			"messages over the same TCP connection on loopback. The connection is cut now and then; all of it is checked.\n\nUsage: go run ./examples/demo [flags]\n\n")
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
	case opt.rate < 0:
		return opt, fmt.Errorf("-rate %v: it must be 0 (full speed) or more MiB/s", opt.rate)
	case opt.size < 0 || opt.size > 1<<20:
		return opt, fmt.Errorf("-size %d: it must be between 0 and %d MiB", opt.size, 1<<20)
	case opt.calls < 1 || opt.calls > 10000:
		return opt, fmt.Errorf("-calls %d: it must be between 1 and 10000 a second", opt.calls)
	case opt.cut < 0 || opt.cut > 0 && opt.cut < 20*time.Millisecond:
		return opt, fmt.Errorf("-cut %v: it must be 0 (never) or at least 20ms", opt.cut)
	case opt.messages < 1 || opt.messages > 10000:
		return opt, fmt.Errorf("-messages %d: it must be between 1 and 10000 a second", opt.messages)
	}
	return opt, nil
}
