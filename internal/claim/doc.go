// Package claim gives each key at most one holder at a time within the process; others wait for it.
//
// # Usage
//
// A Set is a package's variable, its zero value works:
//
//	c, err := set.Claim(ctx, key, holder, wait) // waits for whoever has it, unless wait says no
//	defer c.Release()
//
// Try does not wait: it returns the claim of the one that has the key.
//
// # Concurrency
//
// Any goroutine may call any method. A claim belongs to nobody's goroutine: who holds it may release it from another.
// Nobody is preferred among those that wait.
//
// # Errors
//
// Claim and Wait return the error of a context that has ended.
package claim
