// Package promise holds the acceptance tests. Each says with a number what the library promises about a
// connection between two Ends. It measures that over real loopback TCP through the public API. The package has
// no code of its own.
//
// # Usage
//
// "go test ./internal/promise" runs every test with small counts, "go test -tags soak -timeout 60m
// ./internal/promise" with the full ones. With -v each test prints what it measured. "go test -run '^$' -bench .
// ./internal/promise" compares with raw TCP: a round of raw TCP and a round of ours take turns, and the figures
// are the best rounds' and their ratio.
//
// # Concurrency
//
// The tests run one after the other, since they measure time and memory of the whole process. No goroutine may
// be left when all are done.
//
// # Errors
//
// A test that hangs ends the program with the stacks of all goroutines. Time bounds that a busy machine can
// break are checked for the median or the best round; the tests print the worst one as well.
package promise
