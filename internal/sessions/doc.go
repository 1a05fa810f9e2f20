// Package sessions keeps one session under an End after the other: it knows the newest, replaces it when it is
// lost, redials its carrier, and sends again what an older one did not settle. It knows links and muxes, and
// nothing of calls, messages or handlers.
//
// # Usage
//
// A Line belongs to an End, which is its Host. The first session comes from New, all later ones from the Line:
//
//	k := sessions.New(host, cfg)
//	s := k.NewSession(link)
//	k.Put(s)   // the newest; then whatever has to happen before the peer is heard
//	s.Begin()  // the peer is heard
//
// # Concurrency
//
// All methods may be called from any goroutine. Host methods are called on the link's reader goroutine or on that of
// the redialler, and must not block.
//
// # Errors
//
// Next and CaughtUp say why there is no session: the context has ended, or the End is over (Line.Cause).
package sessions
