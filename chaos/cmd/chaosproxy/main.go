// Chaosproxy is a TCP proxy that breaks the connections through it, by rules and a seed. It is package chaos with
// flags.
//
// # Usage
//
//	go run ./chaos/cmd/chaosproxy -target 127.0.0.1:7000 -fault rst@up:1000-2000 -fault latency:20ms+-5ms -seed 7
//
// It prints the address it listens on, and its counters at the end: on an interrupt or after -for. With -json each
// line of the output is a JSON object. -help shows all flags and how rules are written.
//
// The exit code is 0, 1 if it could not listen, 2 if flags or rules are wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	show := make(chan os.Signal, 1)
	if len(showSignals) > 0 {
		signal.Notify(show, showSignals...)
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, show))
}
