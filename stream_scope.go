package gantline

import "sync/atomic"

// A scope is what calls and messages can be addressed to: an End, or a stream of its own. Each room keeps a half of it,
// which is made when it is first used.
type scope struct {
	calls, messages atomic.Value // of half; stored with End.mu held

	accepted bool  // the application has the stream; guarded by End.mu
	strict   bool  // OnStream has set it up: all handlers are there; guarded by End.mu
	closed   error // why the scope is over; guarded by End.mu
}

// half is what a room keeps of a scope.
type half interface {
	// accepted is called when the application has the stream, perhaps more than once.
	accepted()
	// over is called once, at the end of the scope.
	over(err error)
}

// place is where a half belongs.
type place struct {
	end    *End
	id     uint64  // of the stream; 0 = the End
	stream *Stream // the End's own for id 0
}

func (p *place) isEnd() bool { return p.id == 0 }

func (st *Stream) place() place {
	p := place{end: st.end, stream: st}
	if st.ses != nil { // the End's own has no bytes yet when its End is given up early
		p.id = st.ID()
	}
	return p
}

// halves calls f with the halves there are.
func (s *scope) halves(f func(half)) {
	for _, v := range []*atomic.Value{&s.calls, &s.messages} {
		if h, ok := v.Load().(half); ok {
			f(h)
		}
	}
}

// scopeEnded returns why the scope is over, nil while it is not.
func (st *Stream) scopeEnded() error {
	st.end.mu.Lock()
	defer st.end.mu.Unlock()
	return st.scope.closed
}

// scopeStrict reports whether OnStream has registered all handlers there will be.
func (st *Stream) scopeStrict() bool {
	st.end.mu.Lock()
	defer st.end.mu.Unlock()
	return st.scope.strict
}

// closeScope ends the stream's handlers and inbox. The End's scope lives as long as the End.
func (st *Stream) closeScope(err error) {
	if st.ID() != 0 && st.markScope(err) {
		st.scope.halves(func(h half) { h.over(err) })
	}
}

// markScope records the end of the scope and reports whether there is a half to end now.
func (st *Stream) markScope(err error) bool {
	st.end.mu.Lock()
	defer st.end.mu.Unlock()
	if st.scope.closed != nil {
		return false
	}
	st.scope.closed = err
	return st.scope.calls.Load() != nil || st.scope.messages.Load() != nil
}

// taken is called when the application has got the stream. strict: OnStream has set it up.
func (st *Stream) taken(strict bool) {
	st.end.mu.Lock()
	st.scope.accepted = true
	st.scope.strict = st.scope.strict || strict
	st.end.mu.Unlock()
	st.scope.halves(half.accepted)
}
