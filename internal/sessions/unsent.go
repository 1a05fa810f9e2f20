package sessions

import (
	"context"
	"time"

	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/mux"
)

// Unsent is a notify or message that nobody waits for. It outlives its session until the peer may have it. As a
// flight's Owner it learns whether that is so.
type Unsent struct {
	ln       *Line
	queue    *Queue
	open     mux.Open
	body     []byte
	deadline time.Time // of open's timeout; zero = none
	ses      *Session  // on which it was started last
}

var (
	_ flight.Owner = (*Unsent)(nil)
	_ Resendable   = (*Unsent)(nil)
)

// Unsent returns what is kept of an open with this name and body, which is copied. It waits in q for the next session.
// It must not have the name from open: all that open points to would escape then.
func (ln *Line) Unsent(q *Queue, open *mux.Open, name string, body []byte) *Unsent {
	n := len(open.Metadata)
	own := append(append(make([]byte, 0, n+len(body)), open.Metadata...), body...)
	u := &Unsent{ln: ln, queue: q, body: own[n:]}
	u.open = mux.Open{Kind: open.Kind, Depth: open.Depth, Codec: open.Codec, Parent: open.Parent, Name: name, Metadata: own[:n:n], Timeout: open.Timeout}
	if open.Timeout > 0 {
		u.deadline = time.Now().Add(open.Timeout)
	}
	return u
}

// Outcome implements flight.Owner: the peer has begun to handle it, or will not.
func (u *Unsent) Outcome(f *flight.Flight) {
	if f.Err != nil && !f.Sent && u.ln.LostOn(u.ses, f.Err) && u.ln.life.ctx.Err() == nil {
		u.ln.AddLost(u.queue, u.ses, f.ID(), u) // nobody learns of it when the Line has finished
	}
}

// Start starts it on s for the first time, with what open has beside its copy.
func (u *Unsent) Start(ctx context.Context, s *Session, open *mux.Open, body []byte) error {
	u.ses = s
	return flight.New(u).Start(ctx, s.Mux, open, body)
}

// Send implements Resendable. What the peer refuses is gone, as when it is first sent.
func (u *Unsent) Send(s *Session) bool {
	if !u.deadline.IsZero() {
		u.open.Timeout = max(time.Until(u.deadline), time.Millisecond)
	}
	err := u.Start(s.again, s, &u.open, u.body)
	return err == nil || !u.ln.LostOn(s, err)
}

// Drop implements Resendable.
func (u *Unsent) Drop(error) {}

// Waits implements Resendable.
func (u *Unsent) Waits() bool { return true }
