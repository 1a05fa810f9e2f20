package sessions

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/routes"
	"github.com/gantline-project/gantline/internal/serial"
	"github.com/gantline-project/gantline/internal/throttle"
)

const (
	// redialAttempt bounds one call of Config.Redial, and the handshake after it.
	redialAttempt = 15 * time.Second
	// maxRedirects is how many addresses a search follows that servers have named, one after the other.
	maxRedirects = 5
	// maxStale is how many stale epochs a search answers at once. Further ones count as failures.
	maxStale = 3
)

// redialler gives a Line new carriers, and a new session when the old one is lost.
type redialler struct {
	ln     *Line
	worker *serial.Worker // runs work, the owner of what follows; the Line's context ends it
	kicked chan struct{}  // capacity 1

	addr   string // where the last server has sent us; "" = nowhere
	pauses pauses

	next atomic.Pointer[string] // set by visit, taken by the next attempt
	rest routes.Rest            // attempts in races
}

func newRedialler(ln *Line) *redialler {
	r := &redialler{ln: ln, pauses: newPauses(), kicked: make(chan struct{}, 1)}
	r.worker = serial.NewWorker(ln.life.ctx, r.work)
	return r
}

// kick has work called, and ends a pause.
func (r *redialler) kick() {
	select {
	case r.kicked <- struct{}{}:
	default:
	}
	r.worker.Kick()
}

// work gives the newest session what it needs, and then those that are left.
func (r *redialler) work() {
	r.search()
	r.tend()
}

// tend resumes the sessions that are left, or were, and have no carrier.
func (r *redialler) tend() {
	all := r.ln.older()
	if s := r.ln.Session(); s.leaving.Load() {
		all = append(all, s)
	}
	for _, s := range all {
		if s.Lost() || s.Native.State() != conn.StateBroken || r.ln.life.ctx.Err() != nil {
			continue
		}
		if _, err := r.attempt(&search{began: time.Now()}, s, false); err != nil {
			s.Native.Lose(err) // its server is about to go: there is no time for a second attempt
		}
	}
}

// pause waits for d. A session that breaks meanwhile and was left before is not kept waiting. It returns false when the
// Line ends.
func (r *redialler) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		r.tend()
		if d <= 0 {
			return r.ln.life.ctx.Err() == nil
		}
		select {
		case <-t.C:
			return true
		case <-r.kicked:
		case <-r.ln.life.ctx.Done():
			return false
		}
	}
}

// visit has addr dialled before any other address by the next attempt. Whatever else the next attempts dial is as without
// it.
func (r *redialler) visit(addr string) { r.next.Store(&addr) }

// wait waits until nobody redials. Once the Line has finished that is for good.
func (r *redialler) wait() {
	r.worker.Wait()
	r.rest.Wait()
}

// A search is what the attempts have met from the loss of a carrier to the next one.
type search struct {
	began     time.Time
	stale     int // stale epochs
	redirects int

	unknown error     // a server other than the session's own does not know that; nil = none has said so
	until   time.Time // how long the session's own may come back in spite of it
}

// search dials until there is a carrier or the Line ends.
func (r *redialler) search() {
	ln := r.ln
	if !r.needed(ln.Session()) {
		return
	}
	x := &search{began: time.Now()}
	x.until = x.began.Add(min(homePatience, ln.Session().Native.Peer().Expiry))
	s := ln.Session()
	delay := r.pauses.first(s.Native.Passed(), s.leaving.Load())
	if s.leaving.Load() {
		x.until = x.began // its server is about to go
		delay = max(delay, time.Until(s.notBefore))
	}
	for again := true; again && r.pause(delay); {
		s := ln.Session()
		fresh := s.Lost() || s.leaving.Load()
		dialled, err := r.attempt(x, s, fresh)
		if err == nil {
			r.pauses.up(ln.Session().Native.Passed())
			return
		}
		if !dialled {
			r.addr = ""
		}
		delay, again = r.failed(x, s, fresh, dialled, err)
	}
}

// needed reports whether s needs a carrier or another session. A Line that is closed gets no other session.
func (r *redialler) needed(s *Session) bool {
	if s.Lost() || s.leaving.Load() {
		return !r.ln.Closing()
	}
	return s.Native.State() == conn.StateBroken
}

// attempt dials, and resumes s or, if fresh, begins a new session after it. dialled says whether there was a carrier.
func (r *redialler) attempt(x *search, s *Session, fresh bool) (dialled bool, err error) {
	ln := r.ln
	if s.Lost() && !ln.settled(s) {
		return false, context.Cause(ln.life.ctx)
	}
	ctx, cancel := context.WithTimeout(ln.life.ctx, redialAttempt)
	defer cancel()
	var hint Hint
	if fresh || !s.leaving.Load() { // a session that is left is nowhere else
		if p := r.next.Swap(nil); p != nil {
			r.addr = *p
		}
		hint.Addr = r.addr
	}
	if !fresh {
		hint.Home = s.Link.RemoteAddr()
	}
	var nc net.Conn
	ln.Users.Run(func() { nc, err = ln.cfg.Redial(withHint(ctx, hint)) })
	if err != nil {
		return false, err
	}
	if set, ok := nc.(*routes.Set); ok {
		r.addr = "" // it is among the routes
		return r.race(x, s, fresh, set)
	}
	ctx, stop := context.WithTimeout(ln.life.ctx, redialAttempt) // a dial that took all its time is worth a handshake
	defer stop()
	if !fresh {
		return true, s.Native.Resume(ctx, nc)
	}
	lc := ln.host.LinkConfig()
	lc.ID = s.Native.LocalID()
	l, err := conn.Client(ctx, nc, lc)
	if err == nil && !ln.renew(s, l) {
		err = ln.cfg.Closed
	}
	return true, err
}

// failed decides what follows after an attempt that failed with err: another one after delay, or none.
func (r *redialler) failed(x *search, s *Session, fresh, dialled bool, err error) (delay time.Duration, again bool) {
	ln := r.ln
	var no *conn.RefusedError
	var all *routes.Failed
	raced := errors.As(err, &all)
	switch refused := !raced && errors.As(err, &no); {
	case ln.life.ctx.Err() != nil || fresh && ln.Closing():
		return 0, false
	case raced:
		if later, addr := later(all); later > 0 {
			if addr != "" && x.redirects < maxRedirects {
				x.redirects++
				r.addr = addr
			}
			return later, true
		}
	case errors.Is(err, conn.ErrNotBroken):
		return 0, r.expired(s)
	case errors.Is(err, conn.ErrStaleEpoch) && x.stale < maxStale:
		x.stale++
		return 0, true
	case refused && no.Addr != "" && !no.Closed && x.redirects < maxRedirects:
		x.redirects++
		r.addr = no.Addr
		return no.RetryAfter, true
	case refused && no.RetryAfter > 0:
		return no.RetryAfter, true
	case refused && fresh && unwanted(no.Code) && s.Lost(): // else the one before goes on while it can
		ln.Finish(&refusedForGood{no})
		return 0, false
	case refused && !fresh && (no.Closed || lostForGood(no.Code)):
		s.Native.Lose(no)
		return 0, true
	}
	ln.log.Say(throttle.RedialFailed, "peer", s.Native.Peer().ID, "err", err)
	down := time.Since(x.began)
	if !dialled && errors.Is(err, syscall.ECONNREFUSED) && down < redialSoon {
		return r.pauses.herd(), true // the server is gone: all its clients are here
	}
	delay = r.pauses.next(dialled, down)
	if !fresh && x.unknown != nil {
		delay = min(delay, max(time.Until(x.until), 0))
	}
	return delay, true
}

// later is when the first of the servers wants to be asked again, and where. It is 0 unless all of them have named a time.
func later(all *routes.Failed) (least time.Duration, addr string) {
	for _, err := range all.Errs {
		var no *conn.RefusedError
		switch refused := errors.As(err, &no); {
		case refused && no.Addr != "" && no.RetryAfter <= 0:
			continue // we were there, too
		case !refused || no.RetryAfter <= 0:
			return 0, ""
		}
		if least == 0 || no.RetryAfter < least {
			least, addr = no.RetryAfter, no.Addr
		}
	}
	return least, addr
}

// expired reports whether s, which does not wait for a carrier any more, has ended. Then it waits until all of s is
// settled.
func (r *redialler) expired(s *Session) bool {
	if !s.Lost() && s.Native.State() != conn.StateClosed {
		return false // Migrate has brought a carrier
	}
	return r.ln.settled(s)
}

// unwanted reports whether a server that refuses a new session with c would refuse any other.
func unwanted(c frame.Code) bool { return c == frame.Unauthenticated || c == frame.PermissionDenied }

// lostForGood reports whether a resume that was refused with c lost the session. Else the server wants to be asked later.
func lostForGood(c frame.Code) bool {
	switch c {
	case frame.Unavailable, frame.ResourceExhausted, frame.DeadlineExceeded, frame.Aborted:
		return false
	}
	return true
}
