// Package subscribe finds who takes a message. That is a subscription of the scope that it was sent to, one of a Router that
// many scopes share, or nobody, so that it waits for Receive.
//
// Of several patterns that match, the most specific takes the message alone. A scope's own come before the Router's.
// Each scope has its own queue for a Router's subscription, so that none waits for another.
//
// # Usage
//
// A Scope is an inbox.Inbox with subscriptions, and belongs to an Owner:
//
//	sc.Init(owner, router, inbox.Limits{Messages: 1024, Bytes: 4 << 20})
//	stop, ok := sc.Subscribe("jobs.*", fn) // or router.Subscribe
//	full := sc.Put(&m.item, []byte("jobs.new"), &m.topic)
//
// stop returns channels: all are closed when no function of the subscription runs any more.
//
// # Concurrency
//
// Any goroutine may call any method. The lock of a Scope's inbox is taken before those of its Router. Functions run on
// the goroutines of package inbox's Takers.
//
// # Errors
//
// Subscribe reports whether the pattern was free; the caller has checked it.
package subscribe
