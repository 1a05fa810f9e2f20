package methods

import (
	"maps"
	"slices"

	"github.com/gantline-project/gantline/frame"
)

// MaxMirrored is how many names a Mirror remembers.
const MaxMirrored = 16 << 10

// Mirror has the names that a peer has announced. The zero value has none.
type Mirror struct {
	known map[string]struct{}
}

// Update takes an announcement and calls report with each name that has come or gone. It returns false when there are
// more than MaxMirrored: the rest of the announcement is ignored then.
func (m *Mirror) Update(body []byte, report func(name string, added bool)) bool {
	for name, added := range frame.ParseMethods(body) {
		_, had := m.known[name]
		switch {
		case added == had:
			continue
		case !added:
			delete(m.known, name)
		case len(m.known) >= MaxMirrored:
			return false
		default:
			if m.known == nil {
				m.known = make(map[string]struct{})
			}
			m.known[name] = struct{}{}
		}
		report(name, added)
	}
	return true
}

// Clear forgets all names, and then calls report with each of them, in order.
func (m *Mirror) Clear(report func(name string, added bool)) {
	known := slices.Sorted(maps.Keys(m.known))
	m.known = nil
	for _, name := range known {
		report(name, false)
	}
}
