// Package goid looks at the stack of the goroutine that asks. It says which one it is, and what it is inside of.
//
// # Usage
//
// Nothing else tells a call made inside a function from one made by a goroutine which that function started:
//
//	setup := goid.ID()  // before the function runs
//	...
//	goid.ID() == setup  // later, somewhere: are we inside it?
//
//	var name = goid.NameOf((*worker).run)
//	...
//	goid.Inside(name)   // does run stand on this stack, of whatever worker?
//
// Both are slow: Inside takes a microsecond, ID several. Ask only where a wrong answer would be a wait for ever.
//
// # Concurrency
//
// All functions may be called from any goroutine. They say something about that goroutine only.
//
// # Errors
//
// There are none. ID returns 0 if the runtime prints a stack in another way than today; no goroutine has that number.
package goid
