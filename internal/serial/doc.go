// Package serial runs functions one after the other. Those of a Queue run once each, that of a Worker as often as there
// is something new to look at.
//
// # Usage
//
// Add functions to a Queue; Hold keeps them until Release.
//
// A Worker calls one function, which looks at whatever has changed. Change it first, under a lock of its own, then Kick:
//
//	w := serial.NewWorker(ctx, look)
//	w.Kick() // look runs once more after this, whatever it is doing now
//	w.Wait() // it does not run any more
//
// # Concurrency
//
// Any goroutine may call any method. A Queue and a Worker have a goroutine only while there is something to run.
//
// # Errors
//
// There are none; a panic of a function is not caught.
package serial
