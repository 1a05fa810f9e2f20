// Bench measures gantline side by side with raw TCP and its peers.
//
// # Usage
//
//	go run ./bench streams -scenario bulk-1,ping -peers yamux,smux
//	go run ./bench -help
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/gantline-project/gantline/bench/internal/batch"
	"github.com/gantline-project/gantline/bench/internal/callpeers"
	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/checksum"
	"github.com/gantline-project/gantline/bench/internal/growth"
	"github.com/gantline-project/gantline/bench/internal/memory"
	"github.com/gantline-project/gantline/bench/internal/messages"
	"github.com/gantline-project/gantline/bench/internal/resume"
	"github.com/gantline-project/gantline/bench/internal/streampeers"
	"github.com/gantline-project/gantline/bench/internal/streams"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// runners run the plans of child processes.
func runners() map[string]trial.Runner {
	return map[string]trial.Runner{
		"streams":  streams.Runner(streampeers.All()...),
		"calls":    calls.Runner(callpeers.All()...),
		"messages": messages.Runner(os.TempDir()),
		"resume":   resume.Runner(),
		"checksum": checksum.Runner(),
		"memory":   memory.Runner(),
		"growth":   growth.Runner(streampeers.All(), callpeers.All()),
	}
}

// heavy is the nested module with the peers that need a newer Go than gantline, or much more code.
const heavy = "heavy"

// tables are the commands.
func tables() []trial.Table {
	return []trial.Table{
		streams.Table(append(named(streampeers.All(), func(p streams.Peer) string { return p.Name }), trial.Peer{Name: "quic", Program: heavy})...),
		calls.Table(append(named(callpeers.All(), func(p calls.Peer) string { return p.Name }), trial.Peer{Name: "grpc", Program: heavy})...),
		messages.Table(brokers()...),
		resume.Table(),
		checksum.Table(),
		memory.Table(),
		growth.Table(),
	}
}

// brokers are the peers of the nested module of that name.
func brokers() []trial.Peer {
	var out []trial.Peer
	for _, name := range []string{"nats", "jetstream", "jetstream-file", "nsq", "mqtt"} {
		out = append(out, trial.Peer{Name: name, Program: "brokers"})
	}
	return out
}

// named returns the peers of this program by their names.
func named[P any](peers []P, name func(P) string) []trial.Peer {
	var out []trial.Peer
	for _, p := range peers {
		out = append(out, trial.Peer{Name: name(p)})
	}
	return out
}

func main() {
	if trial.IsChild() {
		os.Exit(trial.Child(os.Stdout, runners()))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	batch.Tidy()
	os.Exit(code)
}

// run is main with everything passed in, and returns the exit code.
func run(ctx context.Context, args []string, out, diag io.Writer) int {
	err := command(ctx, args, out, diag)
	switch {
	case err == nil:
		return 0
	case err == errUsage:
		return 2
	}
	fmt.Fprintf(diag, "gantline: %v\n", err)
	return 1
}
