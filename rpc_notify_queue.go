package gantline

// notifyQueue runs the notifies of one scope one at a time, in the order of their OPEN frames.
type notifyQueue struct {
	list    servingList
	running bool // a notify runs, or waits at its handler's gate; guarded by list.mu
}

// push queues a notify that has just been opened.
func (q *notifyQueue) push(sv *serving) { q.list.push(sv) }

// take returns the first notify if it can start now.
func (q *notifyQueue) take(next bool) *serving {
	q.list.mu.Lock()
	defer q.list.mu.Unlock()
	if q.running && !next {
		return nil
	}
	sv := q.list.head
	if sv == nil || sv.missing.Load() > 0 {
		q.running = false
		return nil
	}
	q.list.removeLocked(sv)
	sv.taken, q.running = true, true
	return sv
}

// pump starts the first notify if none runs.
func (q *notifyQueue) pump(reader bool) {
	if sv := q.take(false); sv != nil {
		sv.start(reader)
	}
}

// next returns the notify to run after the one that has finished, on its goroutine. nil when there is none,
// or when it has to wait for its handler's gate, whose next leave runs it.
func (q *notifyQueue) next() *serving {
	sv := q.take(true)
	if sv == nil {
		return nil
	}
	if g := sv.route.gate; g != nil && !g.enter(sv) {
		if sv.claimed.Load() {
			sv.leaveQueues()
		}
		return nil
	}
	return sv
}
