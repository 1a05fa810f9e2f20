package gantline

import (
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/throttle"
	"github.com/gantline-project/gantline/mux"
)

// What links and sessions tell an End, handed to the rooms. Nothing else names this file: it comes in by way of
// sessions.Host and mux.Acceptor.

// host is the End as its Line sees it.
type host struct{ e *End }

// MuxConfig implements sessions.Host.
func (h host) MuxConfig(s *session, l *conn.Link) *mux.Config {
	limits := &h.e.cfg.Limits
	return &mux.Config{
		Client:       l.Client(),
		Local:        limits.wire(),
		Peer:         l.Peer().Limits,
		Acceptor:     acceptor{h.e, s},
		AwaitCarrier: h.e.line.Renews(),
		OpenTimeout:  limits.OpenTimeout,
		Window:       limits.Window,
		MaxWindow:    limits.MaxWindow,
		StreamBudget: limits.StreamMemory,
		BodyBudget:   limits.BodyMemory,
	}
}

// LinkConfig implements sessions.Host.
func (h host) LinkConfig() *conn.Config { return h.e.linkConfig() }

// Fresh implements sessions.Host.
func (h host) Fresh(s *session) {
	h.e.hooks.states.Lock()
	h.e.hookState(h.e.State()) // the session before it may have broken at the last moment
	h.e.hooks.states.Unlock()
	h.e.hookSession(true)
	h.e.calls.begin(s)
	h.e.messages.begin(s)
}

// Lost implements sessions.Host.
func (h host) Lost() {
	h.e.calls.lost()
	h.e.messages.lost()
}

// Over implements sessions.Host.
func (h host) Finished(err error) {
	e := h.e
	e.backlog.End(err, false)
	if e.Stream.markScope(err) {
		e.Stream.scope.halves(func(h half) { h.over(err) })
	}
	e.calls.over()
	e.messages.over()
	e.hookState(StateClosed)
}

// acceptor hears what the peer opens in a session.
type acceptor struct {
	e *End
	s *session
}

// AcceptExchange takes a call, notify or message. Reader goroutine.
func (a acceptor) AcceptExchange(x *mux.Incoming) {
	e := a.e
	own := x.Value
	x.Value = nil // until somebody takes it
	st := e.streamOf(a.s, x.Parent)
	switch {
	case st == nil:
		e.refuse(x, NotFound, "the stream it is addressed to has ended")
	case x.Kind.Group() == frame.GroupMessages:
		e.acceptMessage(a.s, st, x, own.(*Message))
	case len(x.Name) > 0 && x.Name[0] == ':':
		e.acceptInternal(a.s, x)
	default:
		e.acceptCall(a.s, st, x, own.(*serving))
	}
}

// NewExchange returns the exchange within what the End keeps of a message or call.
func (a acceptor) NewExchange(kind frame.Kind) *mux.Incoming {
	if kind.Group() == frame.GroupMessages {
		m := new(Message)
		m.x.Value = m
		return &m.x
	}
	sv := new(serving)
	sv.own.Value = sv
	return &sv.own
}

// ReadyExchange says that x's body is complete. Reader goroutine.
func (a acceptor) ReadyExchange(x *mux.Incoming) {
	if v, ok := x.Value.(exchange); ok {
		v.ready(x)
	}
}

// CancelExchange says that nobody waits for x's answer.
func (a acceptor) CancelExchange(x *mux.Incoming, err error) {
	if v, ok := x.Value.(exchange); ok {
		v.cancel(x, err)
		return
	}
	a.e.refuse(x, Canceled, "")
}

// HandleDrain says that the peer takes no new work; the session refuses it from now on.
func (a acceptor) HandleDrain(d frame.Drain) (settled func()) {
	defer a.e.log.Say(throttle.PeerDrains, "peer", a.e.PeerID(), "reason", d.Text)
	return a.e.line.Leave(a.s, d)
}

// streamOf returns the stream whose scope id names; nil when that has ended.
func (e *End) streamOf(s *session, id uint64) *Stream {
	if id == 0 {
		return e.Stream
	}
	ms := s.Mux.Stream(id)
	if ms == nil {
		return nil
	}
	st := e.adopt(s, ms)
	if st.scopeEnded() != nil {
		return nil
	}
	return st
}

// AcceptStream takes a stream or streaming call of the peer. Reader goroutine.
func (a acceptor) AcceptStream(ms *mux.Stream) {
	e := a.e
	if ms.Kind() == frame.KindStreamingCall {
		if st := e.streamOf(a.s, ms.Parent()); st != nil {
			e.acceptStreamingCall(a.s, st, ms)
		} else {
			_ = ms.Reset(NotFound, "the stream it is addressed to has ended")
		}
		return
	}
	st := e.adopt(a.s, ms)
	f := e.cfg.OnStream
	if f == nil {
		st.queue()
		return
	}
	// A peer that opens and resets frees its slots while the hook is busy.
	if int(e.hooks.streams.Add(1)) > e.cfg.Limits.Streams {
		e.hooks.streams.Add(-1)
		_ = st.Reset(&Error{Code: ResourceExhausted, Message: "too many streams wait for OnStream (Limits.Streams there)"})
		return
	}
	e.hooks.Add(func() {
		e.hooks.streams.Add(-1)
		if err := e.setUpStream(f, st); err != nil {
			_ = st.Reset(err)
			return
		}
		st.taken(true)
		st.queue()
	})
}

func (e *End) setUpStream(f func(*Stream) error, st *Stream) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = e.recovered("hook", "OnStream", v)
		}
	}()
	return f(st)
}

// EndStream is called when both directions of a stream have ended, or the session has. The session's lock may be
// held, so what may need it is left to a goroutine: one, however many the peer ends at once.
func (a acceptor) EndStream(ms *mux.Stream, err error) {
	switch {
	case ms.Kind() == frame.KindStreamingCall:
		if sv, ok := ms.Value.(*serving); ok && !sv.ended.Load() {
			a.e.ends.Add(func() { sv.streamEnded(err) })
		}
	case ms.ID() != 0:
		a.e.adopt(a.s, ms).ended(err)
	}
}
