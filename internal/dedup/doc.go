// Package dedup remembers the keys that were added last, in memory.
//
// # Usage
//
// A Ring has a number of places and a time for which each key counts. Ask Seen, and Add what is done.
//
// # Concurrency
//
// Any goroutine may call any method.
//
// # Errors
//
// There are none.
package dedup
