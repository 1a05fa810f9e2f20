package suspended

// A heap has the greatest of its elements on top. Each element knows its place, so any of them can be moved or removed.
type heap[E any] struct {
	list    []E
	greater func(a, b E) bool
	place   func(E) *int
	steps   *int // counts the comparisons
}

// top returns the greatest; there is one.
func (h *heap[E]) top() E { return h.list[0] }

func (h *heap[E]) push(e E) {
	h.list = append(h.list, e)
	*h.place(e) = len(h.list) - 1
	h.up(len(h.list) - 1)
}

// fix moves e to where it belongs after it has changed.
func (h *heap[E]) fix(e E) {
	i := *h.place(e)
	if h.up(i) == i {
		h.down(i)
	}
}

func (h *heap[E]) remove(e E) {
	i, last := *h.place(e), len(h.list)-1
	h.swap(i, last)
	var none E
	h.list[last] = none
	h.list = h.list[:last]
	if i < last {
		h.fix(h.list[i])
	}
}

func (h *heap[E]) up(i int) int {
	for i > 0 && h.above(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

func (h *heap[E]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.list) {
			return
		}
		if child+1 < len(h.list) && h.above(child+1, child) {
			child++
		}
		if !h.above(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h *heap[E]) above(i, j int) bool {
	*h.steps++
	return h.greater(h.list[i], h.list[j])
}

func (h *heap[E]) swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	*h.place(h.list[i]), *h.place(h.list[j]) = i, j
}
