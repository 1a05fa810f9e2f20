//go:build !unix

package main

import "os"

// showSignals ask for the counters; this system has no such signal.
var showSignals []os.Signal
