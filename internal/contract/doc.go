// Package contract holds no code. Its test pins the part of the public API that
// programs outside this repository compile against.
//
// # Usage
//
//	go test ./internal/contract
//
// A change that makes this test fail to compile breaks users. The test file is
// a copy of a text agreed outside the repository and is not edited here.
//
// # Concurrency
//
// There is nothing to call.
//
// # Errors
//
// There are none.
package contract
