package attack

import (
	"crypto/rand"
	"sync"

	"github.com/gantline-project/gantline/frame"
)

// Resumes without the proof of the session. They must not end it.

// resumesOf asks to resume a session, with what change makes of the HELLO.
func resumesOf(change func(r *frame.ResumeHello)) func(*attacker, int) {
	return func(a *attacker, _ int) {
		victim := a.dial(a.name("victim"))
		if victim == nil {
			return
		}
		defer victim.close()
		for range 20 {
			p := a.connect()
			if p == nil {
				return
			}
			h := hello(victim.welcome.ClientID)
			h.Resume = &frame.ResumeHello{Session: victim.welcome.Session, Epoch: 2, Position: victim.took}
			_, _ = rand.Read(h.Resume.MAC[:])
			change(h.Resume)
			if p.greet(h) {
				_, _, _ = p.next(false)
			}
			p.close()
		}
		if !victim.answered() {
			a.wrong.Store(true)
		}
	}
}

var resumes = []attack{
	{name: "a proof that is none", conns: 4, run: resumesOf(func(*frame.ResumeHello) {})},
	{name: "a session that is none", conns: 4, run: resumesOf(func(r *frame.ResumeHello) { _, _ = rand.Read(r.Session[:]) })},
	{name: "a position of the future", conns: 4, run: resumesOf(func(r *frame.ResumeHello) { r.Position = 1 << 60 })},
	{name: "an epoch of the past", conns: 4, run: resumesOf(func(r *frame.ResumeHello) { r.Epoch = 0 })},
	{name: "an epoch of the future", conns: 4, run: resumesOf(func(r *frame.ResumeHello) { r.Epoch = 1 << 63 })},
	{name: "a hundred at once", conns: 1, run: func(a *attacker, i int) {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { resumesOf(func(*frame.ResumeHello) {})(a, i) })
		}
		all.Wait()
	}},
}
