// Package callpeers has the frameworks that gantline's calls are compared with, a file each.
//
// # Usage
//
//	runner := calls.Runner(callpeers.All()...)
//
// # Concurrency
//
// As calls.Peer.
//
// # Errors
//
// As calls.Peer.
package callpeers

import "github.com/gantline-project/gantline/bench/internal/calls"

// All returns the peers.
func All() []calls.Peer { return []calls.Peer{netrpcPeer, ttrpcPeer, drpcPeer, connectPeer} }
