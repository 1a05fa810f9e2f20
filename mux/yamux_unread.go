package mux

import "github.com/gantline-project/gantline/frame"

// yamuxUnreadEach is how much each stream adds to what all may hold for their readers. It is as much as an early
// window of our own protocol.
const yamuxUnreadEach = 64 << 10

// addUnreadLocked counts n more bytes in the buffer, or fewer. Receive lock held.
func (st *Stream) addUnreadLocked(n int) {
	if st.s.cfg.yamux {
		st.s.unread.Add(int64(n))
	}
}

// makeRoom resets streams until the open ones may hold n more bytes. It takes those that hold most, since nobody
// reads them. Their bytes are gone at once. No lock held.
func (s *Session) makeRoom(n int, limit int64) {
	for s.unread.Load()+int64(n) > limit {
		st, total := s.fullest()
		if st == nil || total+int64(n) <= limit { // the rest is of streams that have ended
			return
		}
		st.Reset(frame.ResourceExhausted, "the streams hold too much that nobody has read")
	}
}

// fullest returns the open stream that holds most, nil when none holds anything, and what all of them hold.
func (s *Session) fullest() (found *Stream, total int64) {
	s.tab.Lock()
	defer s.tab.Unlock()
	most := 0
	for e := range s.tab.all() {
		st, ok := e.(*Stream)
		if !ok {
			continue
		}
		st.rmu.Lock()
		n := st.in.n
		st.rmu.Unlock()
		total += int64(n)
		if n > most {
			found, most = st, n
		}
	}
	return found, total
}
