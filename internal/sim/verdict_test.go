package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gantline-project/gantline"
)

// count says what happened. Of a session that was lost only the outcomes of its calls and messages are left.
func (w *world) count() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := map[string]int{"connections": w.dials, "streams": len(w.streams)}
	if w.client == nil {
		return n
	}
	s := w.client.e.Stats()
	n["resumes"], n["sessions"], n["KiB replayed"] = int(s.Link.Resumes), s.Sessions, int(s.Link.Replayed>>10)
	for id, it := range w.items {
		switch {
		case strings.Contains(id, "/m"):
			n["messages"]++
			n["copies"] += max(0, it.runs-1)
			continue
		case strings.Contains(id, "/n"):
			n["notifies"]++
			continue
		}
		n["calls"]++
		switch {
		case it.err == nil:
			n["calls run again"] += it.runs - 1
		case errors.Is(it.err, gantline.ErrNotSent):
			n["calls not sent"]++
		case expired(it.err):
			n["calls given up"]++
		case errors.Is(it.err, gantline.ErrUnknownOutcome):
			n["calls of unknown outcome"]++
		}
	}
	return n
}

// verdict compares what was reported with what was seen.
func (w *world) verdict() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range append(w.peers, w.client) {
		if !w.ghostLocked(x) {
			for _, s := range x.faults {
				w.t.Error(s)
			}
		}
	}
	for id, it := range w.items {
		switch {
		case w.ghostLocked(it.origin):
			if it.runs > 0 {
				w.t.Errorf("%s was run by a client that has no such session", id)
			}
		case !it.done:
			w.t.Errorf("%s was never done", id)
		case strings.Contains(id, "/m"), strings.Contains(id, "/n"):
			w.judgeNote(id, it)
		default:
			w.judgeCall(id, it)
		}
	}
	for key, got := range w.got {
		w.judgeOrder(key, got)
	}
}

// judgeCall: nil means once, an error what it says.
func (w *world) judgeCall(id string, it *item) {
	most := 1
	if it.again && w.p.lossy {
		most = 1 << 20
	}
	ok := it.runs <= most
	switch {
	case it.err == nil:
		ok = ok && it.runs >= 1
	case errors.Is(it.err, gantline.ErrNotSent):
		ok = it.runs == 0
	case expired(it.err): // given up: no session need be lost for that
	case errors.Is(it.err, gantline.ErrUnknownOutcome):
		ok = ok && w.p.lossy && !(it.again && it.origin == w.client)
	}
	if !ok {
		w.t.Errorf("%s ran %d times: %v", id, it.runs, it.err)
	}
}

// judgeNote: a message that was acked was seen; one that was not sent was not.
func (w *world) judgeNote(id string, it *item) {
	message := strings.Contains(id, "/m") && !it.noAck
	ok := true
	switch {
	case errors.Is(it.err, gantline.ErrNotSent):
		ok = it.runs == 0
	case it.err != nil:
		ok = w.p.lossy && !(it.origin == w.client && message)
	case !w.p.lossy:
		ok = it.runs == 1
	case message:
		ok = it.runs >= 1
	}
	if !w.p.lossy && it.runs > 1 || w.p.lossy && !message && it.runs > 1 {
		ok = false
	}
	if !ok {
		w.t.Errorf("%s came %d times: %v", id, it.runs, it.err)
	}
}

// judgeOrder: in one session numbers grow. A message that comes again in a later session is marked, and was not
// acked before.
func (w *world) judgeOrder(key string, got []arrival) {
	last := make(map[*peer]int)
	seen := make(map[int]*peer)
	for _, a := range got {
		if n, ok := last[a.at]; ok && a.n <= n {
			w.t.Errorf("%s: %d came after %d in %s", key, a.n, n, a.at.name)
		}
		last[a.at] = a.n
		if it := w.items[fmt.Sprint(key, a.n)]; seen[a.n] != nil && it.err == nil && it.done && a.when.After(it.at) {
			w.t.Errorf("%s: %d came in %s after it was acked", key, a.n, a.at.name)
		}
		if seen[a.n] != nil && !a.marked {
			w.t.Errorf("%s: %d came in %s and then in %s, not marked as a copy", key, a.n, seen[a.n].name, a.at.name)
		}
		seen[a.n] = a.at
	}
}
