//go:build !unix

package main

import "os"

// showSignals ask for the counters; this system has none for that.
var showSignals []os.Signal
