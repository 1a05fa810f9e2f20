//go:build unix

package meter

import (
	"syscall"
	"time"
)

// rusage returns CPU time and context switches of the process.
func rusage() (time.Duration, int64) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), int64(u.Nvcsw) + int64(u.Nivcsw)
}
