//go:build !soak

package scenario

import "time"

// What a plain run does. counts_soak_test.go has the full numbers.
const (
	seeds      = 10 // of each fault
	streams    = 4
	streamSize = 512 << 10
	messages   = 500
	callRate   = 200
	byteStep   = 97 // of the first bytes of a connection, one in this many is cut
	flapFor    = 5 * time.Second
	nettests   = 1
	stopShort  = 3 * time.Second
	stopLong   = 12 * time.Second
	kills      = 2 // of the server

	rollingRounds, rollingClients = 6, 20
)

// herdGone is how long the server of 200 clients is away.
var herdGone = []time.Duration{200 * time.Millisecond}
