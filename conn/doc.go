// Package conn keeps one Link: an ordered, exactly-once stream of frames over a
// net.Conn. It does the handshake, the send log, acknowledgements, the
// heartbeat and the goodbye; what the frames mean is its Handler's business.
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
// A carrier that breaks ends the link with ErrSessionLost.
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
// must be called without it. It is the outermost lock: a handler takes its own
// locks inside it. Nothing blocks while it is held.
//
// # Errors
//
//   - *RefusedError: the server answered REFUSE; has the code.
//   - *VersionError: the peer speaks no version of the protocol that we do.
//   - ErrNotGantline: the first bytes were not a gantline preface.
//   - *ProtocolError: the peer broke a rule; has the code sent in BYE.
//   - ErrSessionLost: the carrier broke. ErrHeartbeat and ErrStalled wrap it.
//   - *ClosedError: closed by Close or Abort here, or by the peer's BYE;
//     errors.Is(err, net.ErrClosed) holds.
//   - *UnconfirmedError: from Close, when the peer has not acknowledged all.
package conn
