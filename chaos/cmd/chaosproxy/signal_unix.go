//go:build unix

package main

import (
	"os"
	"syscall"
)

// showSignals ask for the counters.
var showSignals = []os.Signal{syscall.SIGUSR1}
