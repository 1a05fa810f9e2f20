package outbox

import (
	"cmp"
	"slices"

	"github.com/gantline-project/gantline"
)

// overhead is the assumed memory cost of a message besides its record: an entry and its place in a map.
const overhead = 128

// index knows where in the file the pending messages are. The File's lock guards it.
type index struct {
	peers map[string]*shelf
	live  int64 // bytes of records
	cost  int64 // with overhead
}

// shelf is what is pending for one peer.
type shelf struct {
	byID       map[gantline.MessageID]*entry
	head, tail *entry // in the order of Keep
	cost       int64
}

// entry is one message.
type entry struct {
	id         gantline.MessageID
	off        int64 // of its record
	size       int64 // of all of its record
	seq        uint64
	prev, next *entry
}

func costOf(size int64) int64 { return size + overhead }

func (x *index) find(peer string, id gantline.MessageID) *entry {
	if s := x.peers[peer]; s != nil {
		return s.byID[id]
	}
	return nil
}

// shelfCost is the cost of what is pending for peer.
func (x *index) shelfCost(peer string) int64 {
	if s := x.peers[peer]; s != nil {
		return s.cost
	}
	return 0
}

// add puts e, which is not there yet, after the others.
func (x *index) add(peer string, e *entry) {
	s := x.peers[peer]
	if s == nil {
		s = &shelf{byID: make(map[gantline.MessageID]*entry)}
		if x.peers == nil {
			x.peers = make(map[string]*shelf)
		}
		x.peers[peer] = s
	}
	s.byID[e.id] = e
	if e.prev = s.tail; e.prev != nil {
		e.prev.next = e
	} else {
		s.head = e
	}
	s.tail = e
	s.cost += costOf(e.size)
	x.cost += costOf(e.size)
	x.live += e.size
}

// remove takes a message out; false when it is not there.
func (x *index) remove(peer string, id gantline.MessageID) bool {
	e := x.find(peer, id)
	if e == nil {
		return false
	}
	s := x.peers[peer]
	delete(s.byID, id)
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		s.head = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		s.tail = e.prev
	}
	s.cost -= costOf(e.size)
	x.cost -= costOf(e.size)
	x.live -= e.size
	if len(s.byID) == 0 {
		delete(x.peers, peer)
	}
	return true
}

// inOrder lists all entries in the order of the file.
func (x *index) inOrder() []*entry {
	var all []*entry
	for _, s := range x.peers {
		for e := s.head; e != nil; e = e.next {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.off, b.off) })
	return all
}
