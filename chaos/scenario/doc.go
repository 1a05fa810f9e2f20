// Package scenario tests sessions over connections that are cut, stalled and flapped under load. It also kills and stops
// real processes, and plays thieves. Then it asks both applications what they have seen.
//
// # Usage
//
//	go test ./chaos/scenario                                            a few seeds of each fault, under a light load
//	go test -tags soak -v -timeout 120m ./chaos/scenario                all of it
//	go test -tags soak -v -run 'TestFaults/^reset$' ./chaos/scenario    one fault: reset, fin, half_up, half_down
//	go test -tags soak -v -run 'TestFaults/fin/^17$' ./chaos/scenario   one seed
//	go test -run '^$' -bench Resume -benchtime 40x ./chaos/scenario     resume on against off
//
// With -v each scenario prints a row: what happened, what arrived, and what arrived twice or not at all. Long ones
// report their progress on standard error.
//
// # Concurrency
//
// Each test has a server and a client in this process, most with a chaos.Proxy between them, over loopback. A process
// that is killed or stopped is this program again, in a role of child_test.go; it ends with its test.
//
// # Errors
//
// A failing run names its seed; the same seed draws the same faults.
package scenario
