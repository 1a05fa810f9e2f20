// Package work says when a call may run. That is once all of it is there, in the order of its kind, and when its handler has
// room. It knows nothing of connections, requests and answers.
//
// # Usage
//
// A call is a Task and has an Item in it. It begins with the number of parts that are missing, and runs when the last
// has arrived; Arrive returns the item that may run because of that, often the same:
//
//	t.item.Begin(t, depth, 2) // its body, and who takes it
//	...
//	t.item.Arrive().Go()      // on a goroutine of its own, or
//	t.item.Arrive().Run()     // on this one
//
// Between the two an item waits, if it has to, in two queues: an Order lets tasks start one at a time in the order in
// which they began, and a Gate lets a number of them run at a time. What has run passes its places on, whatever its
// function did. A task that may wait for deeper ones in its Order says so with Nest.
//
// Whoever wants to refuse a task claims it first, then withdraws it. A task that is being served cannot be claimed:
//
//	if t.item.Claim() {
//		... // answer it
//		t.item.Withdraw()
//	}
//
// A Parking keeps tasks to a stream that nobody takes yet, as long as that may change.
//
// # Concurrency
//
// Any goroutine may call any method, but for Begin, which comes before the item is known to others. Locks are held for
// a few instructions, and while a function of a Task runs only if that is Look. A queue and a claim need no common
// lock: who queues an item looks afterwards whether it was claimed, who claims one looks afterwards whether it is
// queued, and taking it off succeeds once.
//
// A goroutine that Go has started ends when nothing is left to pass to. Nobody waits for it.
//
// # Errors
//
// There are none. Whether a task was refused is known to whoever claimed it.
package work
