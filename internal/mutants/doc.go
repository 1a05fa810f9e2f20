// Package mutants breaks the code on purpose, one line at a time, and shows that a test notices. A proof is worth as much
// as the mistakes that its tests catch. The package has no code of its own.
//
// # Usage
//
// "go test ./internal/mutants" checks only that every mutant still applies: that the lines it changes are where it looks
// for them. "go test -tags mutants ./internal/mutants" also runs the test named by each mutant against the changed code,
// three minutes of one core on an empty build cache. "-run TestCaught/no_rewind" runs one.
//
// Nothing in the tree is changed: the go command gets an overlay. If a mutant no longer applies, its code has moved: find
// the place where the same mistake would be made now and put its text into the table. A mutant that survives shows a
// mistake that no test would find: write the test.
//
// # Concurrency
//
// Mutants run in parallel, as many as -parallel says.
//
// # Errors
//
// A mutant that does not compile, that fails another test than its own, or whose test passes is an error, with what the
// test printed.
package mutants
