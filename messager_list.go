package gantline

import "github.com/gantline-project/gantline/mux"

// messageList is a queue of messages in OPEN order. Its inbox's lock guards it.
type messageList struct {
	owner      *subscription // nil for the unclaimed ones
	head, tail *Message
	len        int
	bytes      int // of the link's early window that members may hold
	incomplete int // of len, those whose body is still arriving
}

// push puts m in its place by OPEN order, which is the end unless m comes from another list.
func (l *messageList) push(m *Message) {
	after := l.tail
	for after != nil && m.before(after) {
		after = after.prev
	}
	m.list, m.prev, m.next = l, after, l.head
	if after != nil {
		m.next = after.next
		after.next = m
	} else {
		l.head = m
	}
	if m.next != nil {
		m.next.prev = m
	} else {
		l.tail = m
	}
	l.len++
	l.bytes += m.early
	if !m.complete {
		l.incomplete++
	}
}

// before reports whether m was opened before o.
func (m *Message) before(o *Message) bool {
	if a, b := m.ctx.Session.Seq, o.ctx.Session.Seq; a != b {
		return a < b
	}
	return m.x.ID() < o.x.ID()
}

// remove takes m out.
func (l *messageList) remove(m *Message) {
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		l.head = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		l.tail = m.prev
	}
	m.list, m.prev, m.next = nil, nil, nil
	l.len--
	l.bytes -= m.early
	if !m.complete {
		l.incomplete--
	}
}

// ready reports whether the first message can be handed out. A later one must wait for it.
func (l *messageList) ready() bool { return l.head != nil && l.head.complete }

// pop takes the first message out if it can be handed out, else returns nil.
func (l *messageList) pop() *Message {
	m := l.head
	if m == nil || !m.complete {
		return nil
	}
	l.remove(m)
	return m
}

// completed books that the body of m, a member, has arrived.
func (l *messageList) completed(m *Message) {
	m.complete = true
	l.incomplete--
}

// wantAhead is how many messages from the front a consumer has the bodies sent of that do not fit their
// early window: enough to keep the link busy, few enough to leave the body budget to others.
const wantAhead = 4

// wants are bodies to ask for once the inbox's lock is released.
type wants struct {
	x [wantAhead]*mux.Incoming
	n int
}

// want collects the bodies that a consumer of the list needs next.
func (l *messageList) want(w *wants) {
	if l.incomplete == 0 {
		return
	}
	m := l.head
	for i := 0; i < wantAhead && m != nil && w.n < wantAhead; i++ {
		if !m.complete && !m.wanted {
			m.wanted = true
			w.x[w.n] = m.x
			w.n++
		}
		m = m.next
	}
}

// ask lets the peer send what was collected. No lock held.
func (w *wants) ask() {
	for _, x := range w.x[:w.n] {
		x.Want()
	}
}
