//go:build race

package sim

// raced says that the race detector makes everything about ten times as slow.
const raced = true
