//go:build !unix

package meter

import "time"

// rusage is not known here.
func rusage() (time.Duration, int64) { return 0, 0 }
