package serial

import "sync"

// Queue runs functions in order, on one goroutine that lives only while there is
// something to run.
type Queue struct {
	mu      sync.Mutex
	queue   []func() // guarded by mu
	held    bool     // nothing runs yet; guarded by mu
	running bool     // the goroutine lives; guarded by mu
}

// Add queues f. It never blocks.
func (q *Queue) Add(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, f)
	q.startLocked()
}

// Hold keeps what is queued until release.
func (q *Queue) Hold() {
	q.mu.Lock()
	q.held = true
	q.mu.Unlock()
}

// Release lets the queue run.
func (q *Queue) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = false
	q.startLocked()
}

// Drop forgets what is queued and held: the End was never handed out.
func (q *Queue) Drop() {
	q.mu.Lock()
	q.queue = nil
	q.mu.Unlock()
}

func (q *Queue) startLocked() {
	if q.held || q.running || len(q.queue) == 0 {
		return
	}
	q.running = true
	go q.run()
}

// run stops when the queue is empty.
func (q *Queue) run() {
	for {
		q.mu.Lock()
		if len(q.queue) == 0 {
			q.queue, q.running = nil, false
			q.mu.Unlock()
			return
		}
		f := q.queue[0]
		q.queue[0] = nil
		q.queue = q.queue[1:]
		q.mu.Unlock()
		f()
	}
}

// Len returns how many functions wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}
