// Package streampeers has the multiplexers that gantline's streams are compared with, a file each.
//
// # Usage
//
//	runner := streams.Runner(streampeers.All()...)
//
// # Concurrency
//
// As streams.Peer.
//
// # Errors
//
// As streams.Peer.
package streampeers

import "github.com/gantline-project/gantline/bench/internal/streams"

// All returns the peers.
func All() []streams.Peer { return []streams.Peer{yamuxPeer, smuxPeer, goyamuxPeer, http2Peer} }
