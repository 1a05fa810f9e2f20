package work

// Gate lets a number of tasks run at a time. The others wait in the order in which they came.
type Gate struct {
	limit   int
	list    list
	running int // guarded by list.mu
}

// NewGate returns a Gate for limit tasks at a time.
func NewGate(limit int) *Gate { return &Gate{limit: limit} }

// enter reports whether it may run now; if not it is queued, and a later leave returns it.
func (g *Gate) enter(it *Item) bool {
	g.list.mu.Lock()
	defer g.list.mu.Unlock()
	if g.running < g.limit {
		g.running++
		return true
	}
	g.list.pushLocked(it)
	return false
}

// leave gives a place up, and returns who has it now, if anybody.
func (g *Gate) leave() *Item {
	g.list.mu.Lock()
	defer g.list.mu.Unlock()
	it := g.list.head
	if it == nil {
		g.running--
		return nil
	}
	g.list.removeLocked(it)
	return it
}
