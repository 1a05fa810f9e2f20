package codec

import (
	"runtime"
	"sync"
	"time"
)

// LargeBody is the length from which a body is decoded in turn.
const LargeBody = 64 << 10

// maxTurn is how long a turn lasts. Decoding a body takes less; what takes longer is code of the application, such as an
// Unmarshaler, which may wait for another body to be decoded.
const maxTurn = time.Second

// Turns lets as many large bodies be decoded at a time as there are processors. More at once would not be done sooner,
// and what all of them have allocated in the meantime may be hundreds of times what one needs. Owners take turns, so
// that whoever has many waits for them alone.
type Turns struct {
	mu      sync.Mutex // guards what follows
	running int
	owners  []any                   // with somebody who waits, in their turn
	waiting map[any][]chan struct{} // by owner
}

// Decoding is the Turns of the process.
var Decoding Turns

// Take waits for a turn of owner, which is a pointer or nil. Call the function when the body is decoded. After maxTurn
// the turn ends by itself.
func (t *Turns) Take(owner any) (give func()) {
	t.wait(owner)
	end := sync.OnceFunc(t.next)
	late := time.AfterFunc(maxTurn, end)
	return func() {
		late.Stop()
		end()
	}
}

func (t *Turns) wait(owner any) {
	t.mu.Lock()
	if t.running < runtime.GOMAXPROCS(0) {
		t.running++
		t.mu.Unlock()
		return
	}
	ch := make(chan struct{})
	if t.waiting == nil {
		t.waiting = make(map[any][]chan struct{})
	}
	if len(t.waiting[owner]) == 0 {
		t.owners = append(t.owners, owner)
	}
	t.waiting[owner] = append(t.waiting[owner], ch)
	t.mu.Unlock()
	<-ch
}

// next ends a turn. The next owner that waits has it.
func (t *Turns) next() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.owners) == 0 {
		t.running--
		return
	}
	owner := t.owners[0]
	t.owners = t.owners[1:]
	first, rest := t.waiting[owner][0], t.waiting[owner][1:]
	if t.waiting[owner] = rest; len(rest) > 0 {
		t.owners = append(t.owners, owner)
	} else {
		delete(t.waiting, owner)
	}
	close(first)
}
