package gantline

import "github.com/gantline-project/gantline/conn"

// State is the state of an End's link; its String method names it.
type State = conn.State

// The states of an End. docs/PROTOCOL.md has the table of transitions.
const (
	StateConnecting  = conn.StateConnecting  // no carrier yet
	StateHandshaking = conn.StateHandshaking // a carrier, peer not verified yet
	StateUp          = conn.StateUp          // frames flow
	StateBroken      = conn.StateBroken      // the carrier is gone
	StateDraining    = conn.StateDraining    // no new work is taken, what runs may finish
	StateClosed      = conn.StateClosed      // over; nothing is sent or received any more
)

// Side says which end of a connection opened something.
type Side uint8

// The sides. They are about the dial, not about who serves whom: either side may open, call and publish.
const (
	ClientSide Side = iota + 1 // the side that dialled
	ServerSide                 // the side that accepted
)

// String returns "client" or "server".
func (s Side) String() string {
	switch s {
	case ClientSide:
		return "client"
	case ServerSide:
		return "server"
	}
	return "no side"
}
