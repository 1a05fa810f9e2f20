package gantline

import (
	"cmp"
	"context"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/internal/source"
	"github.com/gantline-project/gantline/internal/suspended"
	"github.com/gantline-project/gantline/internal/throttle"
	"github.com/gantline-project/gantline/mux"
)

// Sessions keeps the Ends of a server while their clients are away. An End whose carrier broke stays, suspended, until
// its client comes back with proof of the session, or until its SessionExpiry (60 s) is over. Package server has one in
// each Listener; use Attach with an accept loop of your own.
//
// The zero value is ready. All methods may be called from any goroutine. The fields must not be changed once Attach was
// called.
//
// A few hundred bytes of an ended session are kept for its expiry time (4096 sessions at most), to tell a returning
// client how much the server had received. Beyond that, the address with most of them loses its oldest.
type Sessions struct {
	// Limits bounds what suspended Ends may hold.
	Limits SuspendLimits
	// OnSuspend is called when end was suspended, and when its client is back: End.State tells which it is. It is called
	// on a goroutine of the End's link, must not wait, and calls for one End may overtake each other.
	OnSuspend func(end *End)

	pooled sync.Once
	pool   *suspended.Pool[suspendedOf, *End] // the suspended Ends

	mu   sync.Mutex // guards what follows
	ends map[[16]byte]*End

	graves sessions.Graves
	logs   throttle.Group // bounds the lines of all Ends together
}

// SuspendLimits bounds what suspended Ends may hold. Zero fields are the defaults, negative ones no limit. An End that is
// ended for one of them ends with ErrSessionLost, and its client begins a fresh session.
type SuspendLimits struct {
	Count     int           // Ends: default 10,000. The source with most that did nothing loses its oldest, then who has most at all.
	PerSource int           // Ends of one source: default 64. A source is an IPv4 address or an IPv6 /64; else, as on loopback, a peer's id.
	Bytes     int           // memory of all of them: default half of SetMemoryLimit, 128 MiB. The source that holds most loses its largest.
	Idle      time.Duration // how long the oldest that did nothing is kept when its source has more than 8 of these: default 5 s
}

func (l SuspendLimits) withDefaults() SuspendLimits {
	l.Count, l.PerSource, l.Bytes = cmp.Or(l.Count, 10_000), cmp.Or(l.PerSource, 64), cmp.Or(l.Bytes, int(max(min(SetMemoryLimit(-1)/2, math.MaxInt), 1)))
	l.Idle = cmp.Or(l.Idle, 5*time.Second)
	return l
}

// fewIdle is how many suspended Ends that did nothing one source may have for as long as others.
const fewIdle = 8

// Attach shakes hands over nc, which a listener accepted. A new client gets a new End, as from Server, except that it
// outlives its carrier. A client that comes back for its session gets the End that it had: resumed is true then, and end
// goes on where it was, or is over already.
//
// Errors are those of Server. A resume that is refused (unknown or expired session, wrong or replayed proof, a
// position out of range) changes nothing of the session it named.
//
// With Config.Yamux a client may speak yamux instead. Its End is never resumed, and s does not keep it.
func (s *Sessions) Attach(ctx context.Context, nc net.Conn, cfg *Config) (end *End, resumed bool, err error) {
	var own Config
	if cfg != nil {
		own = *cfg
	}
	own.Logger = s.logs.Logger(own.Logger)
	e, err := newEnd(&own)
	if err != nil {
		_ = nc.Close()
		return nil, false, err
	}
	var head []byte
	if e.cfg.Yamux {
		limited, cancel := context.WithTimeout(ctx, conn.DefaultHandshakeTimeout)
		defer cancel()
		ctx = limited
		if head, err = sessions.FirstByte(ctx, nc); err != nil {
			e.abandon(err)
			return nil, false, err
		}
		if mux.YamuxPreface(head) {
			if err := e.runYamux(ctx, nc, false, head); err != nil {
				return nil, false, err
			}
			return e, false, nil
		}
	}
	lc := e.linkConfig()
	lc.Head = head
	lc.OnBroken = func(*conn.Link, error) { s.changed(e) }
	lc.Find = func(session [16]byte) (l *conn.Link, err error) {
		l, end = s.find(session)
		return l, nil
	}
	lc.Accept = func(l *conn.Link) error {
		if err := e.attach(e.line.NewSession(l)); err != nil {
			return err
		}
		s.add(e)
		return nil
	}
	_, resumed, err = conn.Accept(ctx, nc, lc)
	if err != nil {
		s.remove(e)
		e.abandon(err)
		return nil, false, err
	}
	if resumed {
		e.abandon(errEndClosed)
		s.changed(end)
		return end, true, nil
	}
	e.start() // attach has set the link
	return e, false, nil
}

// Drop ends a suspended End at once, as if its SessionExpiry were over. why is the reason, for instance what took its
// place. An End that is up, or whose client is coming back right now, is left alone: Drop returns false.
func (s *Sessions) Drop(end *End, why error) bool {
	l := end.session().Native
	return l != nil && l.Lose(why)
}

func (s *Sessions) add(e *End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = make(map[[16]byte]*End)
	}
	s.ends[e.session().Native.Peer().Session] = e
	context.AfterFunc(e.ctx, func() { s.remove(e) })
}

// remove forgets e, which is over; its session leaves a tombstone.
func (s *Sessions) remove(e *End) {
	if e.session() == nil || e.plain {
		return
	}
	l := e.session().Native
	s.mu.Lock()
	if id := l.Peer().Session; s.ends[id] == e {
		delete(s.ends, id)
		s.graves.Bury(l)
	}
	s.mu.Unlock()
	s.suspended().Remove(e)
}

// find gives the link a client wants to resume and its End, or what stands for one that has ended.
func (s *Sessions) find(session [16]byte) (*conn.Link, *End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.ends[session]; e != nil {
		return e.session().Native, e
	}
	return s.graves.Find(session), nil
}

// changed is called when e has lost its carrier, or has another one.
func (s *Sessions) changed(e *End) {
	if s.OnSuspend != nil {
		s.OnSuspend(e)
	}
	s.suspended().Update(e)
}

func (s *Sessions) suspended() *suspended.Pool[suspendedOf, *End] {
	s.pooled.Do(func() {
		l := s.Limits.withDefaults()
		why := [...]error{
			suspended.Count:     errorf(ResourceExhausted, "%d sessions are suspended, the limit SuspendLimits.Count, and too many of them are of this client's source", l.Count),
			suspended.PerSource: errorf(ResourceExhausted, "%d sessions of this client's source are suspended, the limit SuspendLimits.PerSource", l.PerSource),
			suspended.Bytes:     errorf(ResourceExhausted, "the suspended sessions hold more than %d bytes, the limit SuspendLimits.Bytes, and this client's source the most", l.Bytes),
			suspended.Idle:      errorf(Unavailable, "no carrier within %v, the limit SuspendLimits.Idle for sessions that were not used, of which this client's source has more than %d", l.Idle, fewIdle),
		}
		s.pool = suspended.New(suspended.Limits{Count: l.Count, PerSource: l.PerSource, Bytes: l.Bytes, Few: fewIdle, Idle: l.Idle}, viewSuspended, func(e *End, limit suspended.Limit) bool { return s.Drop(e, why[limit]) })
	})
	return s.pool
}

// Suspended returns the numbers of suspended Ends: now, and ended because of Limits.
func (s *Sessions) Suspended() SuspendStats {
	st := s.suspended().Stats()
	return SuspendStats{Ends: st.Waiting, Bytes: st.Bytes, Count: st.Hits[suspended.Count], PerSource: st.Hits[suspended.PerSource],
		OverBytes: st.Hits[suspended.Bytes], Idle: st.Hits[suspended.Idle]}
}

// SuspendStats are the numbers of a Sessions.
type SuspendStats struct {
	Ends, Bytes                       int    // suspended now, and what they hold
	Count, PerSource, OverBytes, Idle uint64 // Ends that were ended because of the SuspendLimits of these names
}

// suspendedOf is whom a suspended End counts for.
type suspendedOf struct {
	source netip.Addr
	id     string // of a peer without a source
}

// viewSuspended is what the pool has to know of an End.
func viewSuspended(e *End) (v suspended.View[suspendedOf]) {
	l := e.session().Native
	if v.Waiting = l.State() == StateBroken && e.ctx.Err() == nil; !v.Waiting {
		return v
	}
	if v.Source.source = source.Of(l.RemoteAddr()); !v.Source.source.IsValid() {
		v.Source.id = l.Peer().ID
	}
	st := l.Stats()
	v.Bytes, v.Idle = suspendedBytes(e.session(), st), st.Received == 0 && st.FramesOut == 0
	return v
}

// endBytes is what a suspended End holds that has nothing under way.
const endBytes = 13 << 10

// suspendedBytes is what a session holds of memory while its peer is away.
func suspendedBytes(s *session, st conn.Stats) int {
	return endBytes + st.LogMemory + s.Mux.Held()
}
