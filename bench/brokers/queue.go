package main

// queue tells publishers that their messages are done, one after the other in the order published. A broker acks in
// order, so one goroutine is enough.
type queue struct{ waiting chan pending }

type pending struct {
	wait func() error
	done func(error)
}

// newQueue returns a queue for flight publications. Its goroutine ends with the process.
func newQueue(flight int) *queue {
	q := &queue{make(chan pending, flight)}
	go func() {
		for p := range q.waiting {
			p.done(p.wait())
		}
	}()
	return q
}

func (q *queue) add(wait func() error, done func(error)) { q.waiting <- pending{wait, done} }
