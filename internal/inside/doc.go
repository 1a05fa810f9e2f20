// Package inside says whether the caller is the application's code on a goroutine of ours. A wait for that goroutine would
// be for ever there.
//
// # Usage
//
// A Goroutine is one that runs such code again and again for as long as it lives, and that somebody waits for. Whoever
// is about to wait asks whether it is that one:
//
//	go reader.Run(read)
//	...
//	if reader.Here() {
//		return errInside
//	}
//
// A Set is stretches of work on any goroutines, each of which runs the application's code:
//
//	set.Run(func() { nc, err = config.Redial(ctx) })
//	...
//	if set.Here() {
//		return errInside
//	}
//
// Logger makes each record that is handled such a stretch. Anywhere asks about all Goroutines and Sets of the process, for
// waits that no single one of them has to do with.
//
// # Concurrency
//
// Any goroutine may call any method; answers are about that goroutine. Set.Here costs an atomic load while nothing runs in
// the Set, and a microsecond while something does. Goroutine.Here and Anywhere always look at the stack. Run takes several
// microseconds, for the number of its goroutine.
//
// # Errors
//
// There are none. Run keeps its records when its function panics or ends the goroutine.
package inside
