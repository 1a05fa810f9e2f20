package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gantline-project/gantline/chaos"
)

// options are the flags.
type options struct {
	listen, target string
	cfg            chaos.Config
	json, events   bool
	interval, stop time.Duration
}

const (
	exitOK = iota
	exitFailed
	exitUsage
)

// run is the program. It prints counters whenever show yields something, and ends with ctx.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, show <-chan os.Signal) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "%v\nchaosproxy -help shows flags and rules\n", err)
		return exitUsage
	}
	p, err := chaos.Listen(o.listen, o.target, &o.cfg)
	if err != nil {
		fmt.Fprintln(stderr, err)
		if errors.Is(err, chaos.ErrNotLoopback) {
			return exitUsage
		}
		return exitFailed
	}
	out := &report{proxy: p, w: stdout, json: o.json, events: o.events}
	out.hello(o)
	var ticks <-chan time.Time
	if o.interval > 0 {
		t := time.NewTicker(o.interval)
		defer t.Stop()
		ticks = t.C
	}
	if o.stop > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.stop)
		defer cancel()
	}
	for {
		select {
		case <-ctx.Done():
			_ = p.Close() // the first Close has no error
			out.counters(true)
			return exitOK
		case <-ticks:
		case <-show:
		}
		out.counters(false)
	}
}

// parse reads the flags. It prints the help, if asked to.
func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("chaosproxy", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed once, by run
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "`address` to listen on; port 0 takes any free one")
	fs.StringVar(&o.target, "target", "", "`address` to forward to (required)")
	var ruleErr error
	fs.Func("fault", "a `rule`; repeat the flag for more (without: everything is forwarded faithfully)", func(text string) error {
		var r chaos.Rule
		if r, ruleErr = chaos.ParseRule(text); ruleErr == nil {
			o.cfg.Rules = append(o.cfg.Rules, r)
		}
		return ruleErr
	})
	fs.Uint64Var(&o.cfg.Seed, "seed", 0, "`number` that decides everything random")
	fs.BoolVar(&o.json, "json", false, "print JSON objects, one a line")
	fs.BoolVar(&o.events, "events", false, "print with the counters which faults happened, and where")
	fs.DurationVar(&o.interval, "interval", 0, "print the counters every `time`, not only at the end and on SIGUSR1")
	fs.DurationVar(&o.stop, "for", 0, "end after this `time` instead of an interrupt")
	fs.DurationVar(&o.cfg.Settle, "settle", 0, "`time` that a reset at an exact offset waits for a receiver (0 = 1s, negative = none)")
	fs.BoolVar(&o.cfg.AllowRemote, "allow-remote", false, "also listen on and forward to addresses that are not loopback")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		usage(fs, stdout)
		return nil, err
	case ruleErr != nil:
		return nil, ruleErr // which says more than fs does
	case err != nil:
		return nil, fmt.Errorf("gantline: chaosproxy: %w", err)
	case fs.NArg() > 0:
		return nil, fmt.Errorf("gantline: chaosproxy: unexpected argument %q: every argument belongs to a flag", fs.Arg(0))
	case o.target == "":
		return nil, errors.New("gantline: chaosproxy: no target: say where to forward to, as in -target 127.0.0.1:7000")
	}
	return o, nil
}

func usage(fs *flag.FlagSet, w io.Writer) {
	fmt.Fprintf(w, `chaosproxy forwards TCP connections to a target and breaks them by rules.

	chaosproxy -target HOST:PORT [-fault RULE]... [flags]

It prints the address it listens on, and its counters at the end. Flags:

`)
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprintf(w, "\nRules:\n\n%s", chaos.Grammar)
}
