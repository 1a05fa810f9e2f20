// Package server accepts Ends.
//
// # Usage
//
// A Server runs a handler for each End, as http.Server does for requests:
//
//	srv := &server.Server{
//		Handler: func(end *gantline.End) { io.Copy(end, end) },
//		Config:  gantline.Config{Router: &router},
//	}
//	err := srv.ListenAndServe("tcp", "127.0.0.1:4210")
//
// A Listener gives the Ends to callers of AcceptEnd:
//
//	ln, err := server.Listen("tls", ":4210", server.WithTLS(cert))
//	if err != nil {
//		return err
//	}
//	defer ln.Close()
//	for {
//		end, err := ln.AcceptEnd(ctx)
//		if err != nil {
//			return err
//		}
//		go serve(end)
//	}
//
// Both know their Ends by the id of the peer: End finds one, Ends lists them, and closing an End disconnects
// its peer. An id is in use once: while the first End lives, a second client that claims the same id is refused
// with AlreadyExists. An id is only a claim, also with TLS. A client certificate decides which clients get in
// and which may resume a session, but no callback sees it yet.
//
// With gantline.Config.Yamux, clients that speak plain yamux are accepted as well: streams only, under an id
// made up for each.
//
// Limits bounds what strangers can do, and Stats.Hits says how often they were stopped. Handshakes run side by side, so
// a client that is slow, silent or no client at all delays nobody else. When too many are slow, the slowest make way.
// A full backlog makes new clients wait, and then refuses them; it never grows. Ends whose clients are away have limits
// of their own.
//
// # Concurrency
//
// All methods may be called from any goroutine. A Listener has one goroutine that accepts, from the moment it
// is made, and one for each handshake; Close and Shutdown stop them and wait for them. Config.Setup runs on the
// goroutine of its handshake, so it may take its time, within the handshake's timeout. A live End has no
// goroutine here but its own and its Handler's.
//
// # Errors
//
//   - ErrServerClosed: Serve, after Close or Shutdown.
//   - net.ErrClosed: AcceptEnd, after Close or Shutdown.
//   - *gantline.Error with InvalidArgument: network, address, TLS configuration or gantline.Config
//     cannot work.
//   - the context's errors, from AcceptEnd and Shutdown.
//   - the net.Listener's own errors, such as *net.OpError.
//
// Clients see refusals as *conn.RefusedError, with AlreadyExists for an id in use, ResourceExhausted and a RetryAfter
// beyond Limits.Peers, Limits.PeersPerSource and Limits.Backlog, Unavailable from a server that is closing, and what Config.Setup returned. A
// stranger's failed handshake is logged at level Debug. A limit that was hit is logged at level Warn, at most
// once in 10 s each.
package server
