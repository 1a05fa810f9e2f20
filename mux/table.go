package mux

import "iter"

// table holds the entries by id. Each side's ids count up by two, and most entries live for a moment only. So an
// entry's place is its id modulo the size: no hashing, and neighbours in time are neighbours in memory. Two that
// live at once and want the same place make the table larger. A map took 8 % of a message's time
// (docs/PERFORMANCE.md).
type table struct {
	sides [2]ring // even and odd ids
}

// ring is the entries of one side.
type ring struct {
	places []entry // a power of two of them
	others map[uint64]entry
	n      int
}

const (
	firstPlaces = 8
	idlePlaces  = 64 // an empty ring keeps no more
	sparse      = 8  // a ring has no more places than this for each entry: long-lived ones may stand far apart
)

func (t *table) ring(id uint64) *ring { return &t.sides[id&1] }

func (r *ring) place(id uint64) *entry { return &r.places[int(id>>1)&(len(r.places)-1)] }

// get returns the entry of id, nil for none.
func (t *table) get(id uint64) entry {
	r := t.ring(id)
	if r.n == 0 {
		return nil
	}
	if e := *r.place(id); e != nil && e.base().id == id {
		return e
	}
	return r.others[id]
}

// put adds e, or replaces what has its id.
func (t *table) put(e entry) {
	id := e.base().id
	r := t.ring(id)
	if t.get(id) == nil {
		r.n++
	}
	r.put(id, e)
}

func (r *ring) put(id uint64, e entry) {
	if r.places == nil {
		r.places = make([]entry, firstPlaces)
	}
	for {
		p := r.place(id)
		if *p == nil || (*p).base().id == id {
			*p = e
			delete(r.others, id)
			return
		}
		if len(r.places) >= sparse*r.n {
			break
		}
		r.grow()
	}
	if r.others == nil {
		r.others = make(map[uint64]entry)
	}
	r.others[id] = e
}

func (r *ring) grow() {
	old := r.places
	r.places = make([]entry, 2*len(old))
	for _, e := range old {
		if e != nil {
			*r.place(e.base().id) = e
		}
	}
	for id, e := range r.others {
		if p := r.place(id); *p == nil {
			*p = e
			delete(r.others, id)
		}
	}
}

// remove takes out the entry of id, if there is one.
func (t *table) remove(id uint64) {
	r := t.ring(id)
	if r.n == 0 {
		return
	}
	if p := r.place(id); *p != nil && (*p).base().id == id {
		*p = nil
	} else if _, ok := r.others[id]; ok {
		delete(r.others, id)
	} else {
		return
	}
	if r.n--; r.n == 0 && len(r.places) > idlePlaces {
		*r = ring{}
	}
}

// count returns how many entries there are.
func (t *table) count() int { return t.sides[0].n + t.sides[1].n }

// all yields every entry, in no order. Nothing may be put or removed meanwhile.
func (t *table) all() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for i := range t.sides {
			for _, e := range t.sides[i].places {
				if e != nil && !yield(e) {
					return
				}
			}
			for _, e := range t.sides[i].others {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// clear takes everything out.
func (t *table) clear() { t.sides = [2]ring{} }
