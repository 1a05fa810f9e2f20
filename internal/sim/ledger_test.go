package sim

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gantline-project/gantline"
)

// ledger is what was requested and what the receiving applications saw. world.mu guards it.
type ledger struct {
	items   map[string]*item
	streams map[string]*streamPlan
	left    map[string]bool      // operations that are not done
	got     map[string][]arrival // messages and notifies by their origin and kind
}

// item is a call, message or notify.
type item struct {
	plan   callPlan
	runs   int       // how often a handler got it
	err    error     // its caller's result
	at     time.Time // when
	done   bool
	again  bool // it may be sent again
	noAck  bool
	origin *peer
}

type arrival struct {
	n      int
	at     *peer // the peer that got it
	marked bool  // as redelivered
	when   time.Time
}

// body is a name and what it stands for.
func (w *world) body(id string, size int) []byte {
	b := make([]byte, 1+len(id)+size)
	b[0] = byte(len(id))
	copy(b[1:], id)
	fill(b[1+len(id):], w.key(id), 0)
	return b
}

// open returns the name in a body, and whether the rest is what it stands for.
func (w *world) open(b []byte) (id string, size int, ok bool) {
	if len(b) == 0 || len(b) <= int(b[0]) {
		return "", 0, false
	}
	id, rest := string(b[1:1+b[0]]), b[1+b[0]:]
	return id, len(rest), same(rest, w.key(id), 0)
}

func (w *world) key(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64() ^ w.p.seed*0x9e3779b97f4a7c15
}

func octet(key uint64, off int) byte {
	x := (key + uint64(off>>3)) * 0xbf58476d1ce4e5b9
	x ^= x >> 29
	return byte(x >> (8 * (off & 7)))
}

// fill writes what key stands for, from off on.
func fill(b []byte, key uint64, off int) {
	for i := range b {
		b[i] = octet(key, off+i)
	}
}

func same(b []byte, key uint64, off int) bool {
	for i := range b {
		if b[i] != octet(key, off+i) {
			return false
		}
	}
	return true
}

// wrong records what x saw. It counts unless the client never learned of x.
func (x *peer) wrong(format string, args ...any) {
	w := x.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s := x.name + ": " + fmt.Sprintf(format, args...)
	x.faults = append(x.faults, s)
	w.noteLocked("WRONG %s", s)
}

// may reports whether err is what an operation of x may end with because its session was lost.
func (x *peer) may(err error) bool {
	return x.excused() && (errors.Is(err, gantline.ErrSessionLost) || errors.Is(err, net.ErrClosed))
}

// excused reports whether the session of x may be lost.
func (x *peer) excused() bool {
	w := x.w
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.p.lossy || w.ending || w.ghostLocked(x)
}

// ghostLocked reports whether the client never got a WELCOME for x.
func (w *world) ghostLocked(x *peer) bool { return x.name != "c" && x.attempt != w.attempt }

// start records that an operation has begun and returns a function that records its end.
func (w *world) start(id string) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == nil {
		w.left = make(map[string]bool)
	}
	w.left[id] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.left, id)
	}
}

func (w *world) unfinished() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for id := range w.left {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	states := []string{"client " + w.client.e.State().String()}
	for _, x := range w.peers {
		states = append(states, x.name+" "+x.e.State().String())
	}
	return fmt.Sprintf("%q; %s", ids, strings.Join(states, ", "))
}

// add records an item before it is sent.
func (w *world) add(id string, it *item) *item {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.items == nil {
		w.items = make(map[string]*item)
	}
	w.items[id] = it
	return it
}

// told records the result of the sender of an item.
func (w *world) told(it *item, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	it.err, it.at, it.done = err, time.Now(), true
}

// ran records that x got the item in b, and returns it; nil if b is not one.
func (x *peer) ran(what string, b []byte) (string, *item) {
	id, size, ok := x.w.open(b)
	x.w.mu.Lock()
	it := x.w.items[id]
	if it != nil {
		it.runs++
	}
	x.w.mu.Unlock()
	if it == nil || !ok || size != it.plan.size {
		x.wrong("%s %q has %d bytes that are not the ones sent", what, id, size)
		return id, nil
	}
	return id, it
}

// arrive records that x got number n of origin.
func (x *peer) arrive(kind, id string, marked bool) {
	origin, number, _ := strings.Cut(id, kind)
	n, _ := strconv.Atoi(number)
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	if x.w.got == nil {
		x.w.got = make(map[string][]arrival)
	}
	x.w.got[origin+kind] = append(x.w.got[origin+kind], arrival{n, x, marked, time.Now()})
}

// arrived reports whether every message and notify has arrived.
func (w *world) arrived() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, it := range w.items {
		if strings.Contains(id, "/n") || strings.Contains(id, "/m") {
			if it.runs == 0 && !w.ghostLocked(it.origin) {
				return false
			}
		}
	}
	return true
}

// expired distinguishes a context's end from any other error.
func expired(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
