//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package outbox

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// lockFile fails: without a lock two processes would ruin each other's file.
func lockFile(string) (io.Closer, error) {
	return nil, fmt.Errorf("gantline: files cannot be locked on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func syncFolder(string) error { return nil }

func diskFull(error) bool { return false }
