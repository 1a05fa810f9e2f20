// Package sessions gives an End one session after the other. It replaces the newest when that is lost, redials its
// carrier, and sends again what an older session did not settle. It works with links and muxes, and has nothing to do
// with calls, messages or handlers.
//
// # Usage
//
// A Line belongs to an End, which is its Host. The End makes the first session, the Line all later ones:
//
//	ln := sessions.New(host, cfg)
//	ln.Renew()               // only if there are to be later ones
//	s := ln.NewSession(link)
//	ln.Put(s)                // the newest; now whatever must happen before the peer is heard
//	s.Begin()                // the peer is heard
//
// What fails on a session goes on like this:
//
//	if ln.LostOn(s, err) {
//		s, how = ln.Next(ctx, s) // and once more on s
//	}
//
// What must be sent again without anybody waiting for it goes into a Queue when its session ends.
//
// # Concurrency
//
// All methods may be called from any goroutine, except where a comment says otherwise. Host methods are called on the
// link's reader goroutine or on that of the redialler, and must not block.
//
// A Line has the redialler's goroutine while there is no carrier, and a session one for each Queue while that is sent
// again. The end of the Line ends all of them, and Line.Wait and Session.Resending wait for them.
//
// # Files
//
//   - line.go is a Line: the newest session, and what replaces it. lifetime.go ends it, wait.go waits for the next session.
//   - session.go is a Session; yamux.go makes one with a peer that speaks yamux.
//   - redial.go dials until there is a carrier; pauses.go says when, hint.go where to.
//   - resend.go has what is sent again, latch.go what waits until it was. unsent.go has what nobody waits for.
//   - graves.go has what is left of a server's sessions.
//
// # Errors
//
// Next and CaughtUp say why there is no session: the caller's context has ended, or the Line has finished. Then the cause of
// Line.Context says why: the session was lost and there is no redial, the server wants no other one (both are
// conn.ErrSessionLost), or it was closed (Config.Closed, or what the peer said).
package sessions
