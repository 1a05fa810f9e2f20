//go:build race

package mux

// raceEnabled: under the race detector sync.Pool drops things at random.
const raceEnabled = true
