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
	kills      = 20
)
