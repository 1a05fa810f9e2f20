package mux

// What Held counts for an exchange or stream that is open, beside its bytes. It covers what the acceptor keeps for it, such
// as a handler's context and the metadata as a map.
const (
	entryHeld = 1 << 10
	labelHeld = 2 // for each byte of a name or of metadata
)

// Held returns about how many bytes the session holds for its peer. That is what is open, with its names and metadata, and
// what has come and the application does not have yet. Not in it are the link's log, and what handlers hold. Any goroutine may
// call it. It looks at everything that is open, which takes about a millisecond for as much as a peer may open.
func (s *Session) Held() int {
	n := int(s.bodies.Load())
	s.tab.Lock()
	streams := make([]*Stream, 0, 16)
	for e := range s.tab.all() {
		n += entryHeld + labelHeld*e.base().label.bytes()
		switch x := e.(type) {
		case *Stream:
			streams = append(streams, x)
		case *Incoming:
			n += int(x.held.Load())
		}
	}
	s.tab.Unlock()
	for _, st := range streams {
		st.rmu.Lock()
		n += st.in.n
		st.rmu.Unlock()
	}
	return n
}
