// Package conn keeps one Link: an ordered, exactly-once stream of frames on a
// net.Conn. It does the handshake, the send log, acknowledgements, the heartbeat,
// resuming and the goodbye. What the frames mean is its Handler's business.
//
// # Usage
//
// Both ends shake hands, then start the link with the handler that takes the
// peer's frames:
//
//	l, err := conn.Client(ctx, nc, &conn.Config{ID: "worker-7"})
//	if err != nil {
//		return err // nc is closed
//	}
//	l.Start(handler)
//
//	l.Lock()
//	b := l.Alloc(frame.HeaderLen + len(body))
//	frame.PutHeader(b, frame.Header{Type: frame.TypeData, Length: uint32(len(body)), ID: id})
//	copy(b[frame.HeaderLen:], body)
//	l.Wake()
//	l.Unlock()
//
//	err = l.Close(ctx, frame.OK, "done")
//
// A frame is encoded once, in place, at the end of the send log. The log keeps
// it until the peer has acknowledged it, so that it can be sent again from any
// position the peer states. Bytes are counted, not frames: a position is the
// number of bytes of whole sequenced frames, headers included.
//
// A carrier that breaks ends the link with ErrSessionLost. With Config.OnBroken
// the link waits for another carrier instead, which Resume or Accept brings.
//
// # Concurrency
//
// A Link has two goroutines from Start until Done: the reader, which is the
// only one to call Handler.HandleFrame, HandleReleased and HandleClose, and the
// writer, which is the only one to write to the net.Conn and to call
// Handler.Fill. The reader never writes and never waits for a consumer.
//
// Lock and Unlock are the send lock. It guards the log and whatever the handler
// keeps beside it; methods whose comment says "Lock held" need it, all others
// must be called without it. A handler takes its own locks inside it. Nothing
// blocks while it is held.
//
// # Files
//
// Read link.go first: it has the Handler, the Link, and one struct for each
// concern of it. The others in the order in which a link uses them:
//
//   - handshake.go with handshake_client.go and handshake_server.go make a Link, and
//     handshake_limit.go bounds the time for it; proof.go has the session's secret, bound.go says whether its proofs cover
//     TLS, config.go and peer.go have what was agreed.
//   - append.go is what a handler does under the send lock. log.go and chunk.go
//     keep the frames, growth.go and framesize.go say how many and how large.
//   - send.go is the writer goroutine, with carrier.go and socket_linux.go below
//     it; recv.go is the reader goroutine, with control.go for the frames that are
//     the link's own. ack.go decides when an ACK goes out.
//   - heartbeat.go is the watchdog, a timer.
//   - close.go and lifetime.go end a link, depart.go one before Start; state.go has its states.
//   - resume.go with resume_client.go and resume_server.go change the carrier; attempts.go has those that go on at once.
//
// sendState, beatState, lifetime, byeState, carrierState and stateChanges belong
// to the send lock; recvState and the reader's part of a carrier to the reader
// goroutine, which publishes in atomics. A server's resume holds carrierState.resuming
// as a whole and takes the send lock inside it; the lock of a socket is taken alone.
// Beside the two goroutines there are only timers: ack, heartbeat, expiry, and the
// one that ends a goodbye. finish stops all of them.
//
// # Errors
//
//   - *RefusedError: the server answered REFUSE; has the code.
//   - *VersionError: the peer speaks no version of the protocol that we do.
//   - ErrNotGantline: the first bytes were not a gantline preface.
//   - *ProtocolError: the peer broke a rule; has the code sent in BYE.
//   - ErrSessionLost: the carrier broke. ErrHeartbeat, ErrStalled and
//     ErrStoodStill wrap it.
//   - ErrNotBroken and ErrStaleEpoch: from Resume and Migrate.
//   - *ClosedError: closed by Close or Abort here, or by the peer's BYE;
//     errors.Is(err, net.ErrClosed) holds.
//   - *UnconfirmedError: from Close, when the peer has not acknowledged all.
package conn
