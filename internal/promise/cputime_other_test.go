//go:build !unix

package promise

import "time"

// cpuTime is not known here; its figures are 0 or NaN.
func cpuTime() time.Duration { return 0 }
