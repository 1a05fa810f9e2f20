//go:build race

package promise

// raced says that the race detector makes everything ten times as slow: the heavy tests do less.
const raced = true
