//go:build !soak

package attack

import "time"

// attackTime is how long one attack lasts.
const attackTime = 300 * time.Millisecond
