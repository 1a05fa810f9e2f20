// Package scenario holds the tests that cut, stall and flap a connection under load and then ask both
// applications what they have seen.
//
// # Usage
//
//	go test ./chaos/scenario               a few seeds of each fault, under a light load
//	go test -tags soak -timeout 90m ./chaos/scenario
//
// # Concurrency
//
// Each test has a server, a client and a chaos.Proxy between them, in this process and over loopback.
//
// # Errors
//
// A failing run names its seed; the same seed draws the same faults.
package scenario
