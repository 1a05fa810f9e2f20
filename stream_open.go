package gantline

import (
	"context"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// openStream is OpenStream.
func (e *End) openStream(ctx context.Context, opts []StreamOption) (*Stream, error) {
	if e.line.Closing() {
		return nil, e.closedError("")
	}
	if e.line.Draining() {
		return nil, shuttingDown("")
	}
	var o streamOptions
	for _, opt := range opts {
		opt.applyStream(&o)
	}
	if len(o.meta) > frame.MaxMetadata {
		return nil, errorf(InvalidArgument, "stream meta of %d bytes is over the limit of %d", len(o.meta), frame.MaxMetadata)
	}
	var block []byte
	if len(o.meta) > 0 {
		block = frame.AppendMetadata(nil, frame.MetaStream, o.meta)
	}
	block, err := appendMetadata(block, o.metadata)
	if err != nil {
		return nil, err
	}
	open := mux.Open{Kind: frame.KindStream, Name: o.name, Metadata: block, NoWait: e.cannotWait()}
	ms, s, err := e.open(ctx, &open)
	if err != nil {
		return nil, e.openError(ctx, err, o.name)
	}
	st := e.adopt(s, ms)
	st.taken(false)
	return st, nil
}

// open opens a stream, or a streaming call that is addressed to st.
func (st *Stream) open(ctx context.Context, open *mux.Open) (*mux.Stream, *session, error) {
	e := st.end
	for s := st.session(); ; {
		changes := e.carrierChanges.Load()
		ms, err := s.Mux.OpenStream(ctx, open, nil)
		if err == nil {
			return ms, s, nil
		}
		if err == mux.ErrOpenTimeout && e.wasAway(ctx, s, changes) {
			continue
		}
		if s, err = st.again(ctx, s, err, open, open.Name); err != nil {
			return nil, nil, err
		}
	}
}

// peerPatience is how long a peer is given to show that it is there. The default heartbeat finds a dead one earlier.
const peerPatience = 30 * time.Second

// wasAway reports whether the peer of s was out of reach for some of the time since carrierChanges was changes. Then it
// cannot be blamed for what it did not accept.
func (e *End) wasAway(ctx context.Context, s *session, changes uint64) bool {
	if e.plain || e.mayWait(ctx, "OpenStream", "") != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, peerPatience)
	defer cancel()
	away := s.Link.State() == StateBroken // hooks may run later than a ping is answered
	_, _ = s.Link.Ping(ctx)               // when that fails, the link's state says why
	return away || e.carrierChanges.Load() != changes || s.Link.State() == StateBroken
}

// openError is the error of a stream that could not be opened.
func (e *End) openError(ctx context.Context, err error, name string) error {
	if e.ctx.Err() != nil && ctx.Err() == nil {
		return mux.NotSent(e.line.Cause())
	}
	return e.startError(ctx, err, name)
}

// shuttingDown refuses new work of this side after Shutdown.
func shuttingDown(name string) error {
	return errorf(Unavailable, "this end is shutting down").with(ErrNotSent).named(name)
}

// adopt returns the Stream that stands for ms.
func (e *End) adopt(s *session, ms *mux.Stream) *Stream {
	if ms.ID() == 0 {
		return e.Stream
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	st, _ := ms.Value.(*Stream)
	if st == nil {
		st = &Stream{mx: ms, end: e, ses: s}
		ms.Value = st
	}
	return st
}
