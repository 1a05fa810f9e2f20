// Heavy has the peers that need a newer Go than gantline, or much more code: QUIC and gRPC. The bench builds
// and starts it by itself.
//
// # Usage
//
//	go run ./bench streams -peers quic
//	go run ./bench calls -peers grpc
package main

import (
	"fmt"
	"os"

	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/streams"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

func main() {
	if !trial.IsChild() {
		fmt.Fprintln(os.Stderr, "gantline: bench: this program is started by the bench: go run ./bench -list")
		os.Exit(2)
	}
	os.Exit(trial.Child(os.Stdout, map[string]trial.Runner{
		"streams": streams.Runner(quicPeer),
		"calls":   calls.Runner(grpcPeer),
	}))
}
