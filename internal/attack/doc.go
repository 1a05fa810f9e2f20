// Package attack holds the attack suite: what hostile peers do to a server with an honest client.
//
// It has no code of its own, only tests. Three processes take part: a server with the default limits, under
// GOMEMLIMIT=256MiB, an honest client that calls, publishes and writes a stream all the time, and the test, which
// sends raw frames. Each row of the catalogue is an attack with a name.
//
// # Usage
//
//	go test ./internal/attack                    each attack for 300 ms
//	go test -run 'TestAttacks/open_and_reset' -v ./internal/attack
//	go test -tags soak -v ./internal/attack      each for 5 s, and all at once for ten minutes
//
// -v prints a table: what the attacker sent and the server allocated, its memory, goroutines and log, and how the honest
// client fared. After each attack the following must hold:
//
//   - The honest client had no error, on the one connection it has.
//   - The server stayed below 512 MiB, and its log below 400 lines, and 10 for each second.
//   - A byte sent made it allocate 64 bytes at most, beside 256 KiB for each connection.
//   - 12 s after the attacker's sessions are over, goroutines and heap are what they were.
//
// # Files
//
// attack_test.go has the suite, process_test.go starts the processes, server_test.go and honest_test.go are what they run,
// peer_test.go is the attacker's end of a connection. The catalogue is in the files after these: floods, lengths, streams,
// bodies, strangers, resumes and handlers.
//
// # Concurrency
//
// The processes talk in lines of JSON, one question at a time. The attackers of one attack run side by side.
//
// # Errors
//
// A server that dies fails the attack, with the end of what it printed.
package attack
