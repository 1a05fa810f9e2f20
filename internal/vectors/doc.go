// Package vectors makes and checks the files of testdata/sessions. They are whole sessions of the protocol, byte for byte, for
// programs in any language. The package has no code of its own.
//
// # Usage
//
// "go test ./internal/vectors" compares the files with what the tests make of their scripts, and plays them against conn
// and mux, which take the part of either side. "go test ./internal/vectors -update" writes the files. What their fields
// mean stands in testdata/sessions/README.md.
//
// A script (script_test.go) is written by hand, frame by frame. A model (model_test.go) follows both sides; its states
// are the table of docs/PROTOCOL.md. Keys and proofs come from a derivation of the tests' own (keys_test.go). So what the
// files say does not come from the code that is compared with them.
//
// # Concurrency
//
// The tests run one after the other: they replace the source of random bytes.
//
// # Errors
//
// A failed test names the file, the transcript and the step.
package vectors
