// Package house holds the rules of this repository as tests, and nothing else.
//
// # Usage
//
//	go test ./internal/house
//
// Each test reads the sources or asks the go command, and names the rule, the place and what to do. There is one
// file a rule:
//
//   - arrows_test.go: which package may import which;
//   - rooms_test.go: which files of the root may use which, and how many they are, and how large their largest knot is;
//   - deps_test.go: the modules that users get;
//   - docs_test.go: what every package comment and exported name says;
//   - words_test.go: how comments begin, and words that they do without;
//   - habits_test.go: what no file may contain, and what every package's tests have;
//   - size_test.go: how long a file may be;
//   - tour_test.go, proofs_test.go, decisions_test.go: what these pages name exists.
//
// # Concurrency
//
// The tests only read, so they may run beside all others.
//
// # Errors
//
// A broken rule is a failed test. A rule that is wrong is changed here, in the commit that needs it, with its reason.
package house
