// Package client dials an End.
//
// # Usage
//
// Dial connects, shakes hands and returns an End that is ready for streams, calls and messages in both
// directions:
//
//	end, err := client.Dial(ctx, "tcp", "example.org:4210", client.WithConfig(gantline.Config{ID: "edge-7"}))
//	if err != nil {
//		return err
//	}
//	defer end.Close()
//
// Network "tls" is tcp with TLS 1.3 and the system's certificate authorities; WithTLS sets everything else
// about TLS. WithDialFunc takes the connection from elsewhere: a proxy, a tunnel, a test. A Dialer has fields
// instead of options, for programs that dial often.
//
// The End outlives its connection: when that is torn, the same addresses are dialled again, with backoff, and
// everything continues where it was. If the server has lost the session in the meantime, or shuts down, the End continues with
// a fresh one: see gantline.Config.Redial. WithoutRedial turns that off: then the End ends with its connection,
// and the cause of its Context is gantline.ErrSessionLost.
//
// WithYamux dials a server that speaks plain yamux: streams only.
//
// # Concurrency
//
// Dial may be called from any goroutine. A Dialer may be used by many goroutines at once as long as nobody
// changes it. The context bounds dialling and the handshake, not the life of the End. With several addresses, the
// handshake with a server that was not quick enough may outlive Dial, by 5 s at most, to say goodbye. It ends with
// the End. Otherwise no goroutine of this package outlives Dial, unless a DialFunc ignores its context.
//
// # Errors
//
//   - *gantline.Error with InvalidArgument: network, address or TLS
//     configuration cannot work; nothing was dialled.
//   - *conn.RefusedError: the server refused, with a code for gantline.CodeOf
//     and errors.Is: AlreadyExists for an id that is in use,
//     ResourceExhausted for a full server.
//   - *conn.VersionError: no common version of the protocol.
//   - context.DeadlineExceeded, context.Canceled: the context or
//     Dialer.Timeout ended it.
//   - the net and crypto/tls packages' own errors, such as *net.OpError and
//     *tls.CertificateVerificationError.
//
// With several addresses the error holds what happened at each of them: errors.Is and errors.As look at all, and its code is
// that of the first refusal.
package client
