package methods

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/serial"
)

// maxPart is how many bytes one announcement has: within the smallest frame, so that it comes whole.
const maxPart = 3 << 10

// Table is the names of the methods that some handlers are registered for.
type Table interface {
	// Watch has w kicked, or not any more, when a name comes or goes.
	Watch(w *serial.Worker, on bool)
	// Names returns the names there are.
	Names() iter.Seq[string]
}

// Side is what announces its methods, to sessions S.
type Side[S any] interface {
	// Tables yields the tables of this side.
	Tables(yield func(Table) bool)
	// Send sends an announcement, a frame.NameMethods, and does not use body after that.
	Send(to *S, body []byte)
}

// Announcer tells a session which methods its Side handles. It compares what there is with what it announced, so that any
// number of changes between two looks costs one announcement. Init prepares it.
type Announcer[S any] struct {
	side   Side[S]
	worker *serial.Worker    // looks whenever a name has come or gone
	to     atomic.Pointer[S] // that has asked last

	announced   map[string]struct{} // owned by the worker, as is announcedTo
	announcedTo *S
}

// Init prepares a. It announces nothing more once ctx is done.
func (a *Announcer[S]) Init(ctx context.Context, side Side[S]) {
	a.side, a.worker = side, serial.NewWorker(ctx, a.look)
}

// Announce tells s all there is, and from then on what changes.
func (a *Announcer[S]) Announce(s *S) {
	a.to.Store(s)
	a.watch(true)
	a.worker.Kick()
}

// Stop ends the announcements until Announce is called again.
func (a *Announcer[S]) Stop() { a.watch(false) }

// Wait waits until no announcement is being sent. The context of Init is done.
func (a *Announcer[S]) Wait() { a.worker.Wait() }

// watch has the worker kicked, or not, when a name comes or goes.
func (a *Announcer[S]) watch(on bool) {
	for t := range a.side.Tables {
		t.Watch(a.worker, on)
	}
}

// look announces what is new and what is gone. It is the worker's.
func (a *Announcer[S]) look() {
	to := a.to.Load()
	if to != a.announcedTo { // it knows nothing yet
		a.announced, a.announcedTo = nil, to
	}
	names := make(map[string]struct{})
	for t := range a.side.Tables {
		for name := range t.Names() {
			names[name] = struct{}{}
		}
	}
	body := a.add(make([]byte, 0, maxPart), true, missing(names, a.announced))
	body = a.add(body, false, missing(a.announced, names))
	if len(body) > 0 {
		a.side.Send(to, body)
	}
	a.announced = names
}

// add appends names to an announcement, which it sends whenever it is full. It returns the one that was begun last.
func (a *Announcer[S]) add(body []byte, added bool, names []string) []byte {
	for _, name := range names {
		if len(body)+frame.MethodLen(name) > maxPart {
			a.side.Send(a.announcedTo, body)
			body = body[:0]
		}
		body = frame.AppendMethods(body, added, name)
	}
	return body
}

// missing returns the names of a that are not in b, in order.
func missing(a, b map[string]struct{}) (names []string) {
	for name := range a {
		if _, ok := b[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
