//go:build soak

package scenario

import "time"

const (
	seeds      = 200
	streams    = 4
	streamSize = 8 << 20
	messages   = 5000
	callRate   = 200
	byteStep   = 1
	flapFor    = 60 * time.Second
	nettests   = 3
	stopShort  = 30 * time.Second
	stopLong   = 60 * time.Second
	kills      = 20

	rollingRounds, rollingClients = 20, 50
)

var herdGone = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond, 3 * time.Second, 12 * time.Second}
