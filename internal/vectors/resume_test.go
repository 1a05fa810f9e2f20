package vectors

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// TestResume plays the transcripts of sessions that change their carrier.
func TestResume(t *testing.T) {
	check(t, "resume.json", "Sessions that outlive their carrier: what is sent again, and every way to be refused.", []*script{
		replay(t), lostWelcome(t), unknownSession(t), wrongProof(t), wrongPosition(t), expired(t), closedMeanwhile(t), staleEpoch(t), aheadEpoch(t), later(t), falseServer(t),
		endsBefore(t), takenOut(t),
	})
}

// slow is a call with 30 s, of which left ms are left.
func slow(id uint64, left uint32) []byte {
	return open(id, fin, frame.Open{Kind: frame.KindCall, Timeout: left, Name: []byte("slow")})
}

func callSlow(r *real) *mux.Exchange {
	return r.start(mux.Open{Kind: frame.KindCall, Name: "slow", Timeout: 30 * time.Second}, nil)
}

func replay(t *testing.T) *script {
	x := newScript(t, "resume with replay", "Four calls: one has arrived and is known to, one was answered and the answer is lost, one is lost, one is lost and given up.", "5.2", "5.3", "9")
	var gaveUp *mux.Exchange
	x.begin()
	x.app(client, "calls with 30 s", func(r *real) { callSlow(r) })
	x.send(client, slow(1, 30000), "")
	x.send(server, x.ack(server), "the client drops this frame from its log")
	x.app(client, "calls again", func(r *real) { callSlow(r) })
	x.send(client, slow(3, 30000), "arrives, and no ACK says so")
	x.app(server, "answers 3", func(r *real) { r.got(3, nil); r.reply(3, nil, []byte("three")) })
	x.lose(server, answer(3, fin|early, frame.Head{}, []byte("three")), "")
	x.app(client, "calls two more times, and gives the last one up", func(r *real) {
		callSlow(r)
		gaveUp = callSlow(r)
	})
	x.lose(client, slow(5, 30000), "")
	x.lose(client, slow(7, 30000), "")
	x.app(client, "", func(*real) { gaveUp.Cancel(frame.Canceled, "") })
	x.lose(client, reset(7, frame.Canceled, ""), "")
	x.wait(1000)
	x.cut()
	x.resume()
	x.resend(client, slow(5, 29000), "the timeout is what is left of it")
	x.resend(client, open(7, fin, frame.Open{Kind: frame.KindVoid, Timeout: 30000, Name: []byte("slow")}), "given up: void in place of call, and nothing else is changed")
	x.resend(client, reset(7, frame.Canceled, ""), "")
	x.resend(server, answer(3, fin|early, frame.Head{}, []byte("three")), "")
	x.app(client, "has the answer of 3", func(r *real) { r.wantAnswer(3, frame.OK, []byte("three")) })
	x.send(server, reset(7, frame.Canceled, ""), "the answer to a void")
	x.app(server, "answers 1 and 5", func(r *real) {
		r.got(1, nil)
		r.got(5, nil)
		r.reply(1, nil, nil)
		r.reply(5, nil, nil)
		if r.incoming[7] != nil {
			r.t.Error("7 was served")
		}
	})
	x.send(server, answer(1, fin, frame.Head{}, nil), "")
	x.send(server, answer(5, fin, frame.Head{}, nil), "")
	x.end()
	return x
}

func lostWelcome(t *testing.T) *script {
	x := newScript(t, "a WELCOME that was lost", "The carrier breaks before WELCOME has arrived. The next attempt has the next epoch, and the position that there was.", "9")
	x.begin()
	x.app(client, "calls", func(r *real) { callSlow(r) })
	x.send(client, slow(1, 30000), "")
	x.cut()
	x.renew()
	x.raw(client, "preface", frame.AppendPreface(nil, frame.Version))
	x.send(client, x.resumeHello(nil), "epoch 1")
	x.lose(server, x.resumeWelcome(), "")
	x.cut()
	x.resume()
	x.app(server, "answers", func(r *real) { r.got(1, nil); r.reply(1, nil, nil) })
	x.send(server, answer(1, fin, frame.Head{}, nil), "nothing had to be sent again")
	x.end()
	return x
}

// refused is a resume that the server refuses. change is made before the HELLO is signed.
func (x *script) refused(change func(*frame.Hello), r frame.Refuse, note string) {
	x.t.Helper()
	x.renew()
	x.raw(client, "preface", frame.AppendPreface(nil, frame.Version))
	x.send(client, x.resumeHello(change), "")
	x.send(server, link(frame.TypeRefuse, frame.AppendRefuse(nil, &r)), note)
}

// torn is a session with a call that the server has taken, whose carrier broke.
func torn(t *testing.T, name, about string) *script {
	x := newScript(t, name, about, "3.5", "9")
	x.begin()
	x.app(client, "calls", func(r *real) { callSlow(r) })
	x.send(client, slow(1, 30000), "")
	x.app(server, "takes it", func(r *real) { r.got(1, nil) })
	x.cut()
	return x
}

// learns is what the client's Resume returns.
func (x *script) learns(note string, ok func(r *real, refused *conn.RefusedError) bool) {
	x.app(client, note, func(r *real) {
		err := <-r.result
		r.result <- err
		var refused *conn.RefusedError
		errors.As(err, &refused)
		if err == nil || !ok(r, refused) {
			r.t.Errorf("Resume = %v", err)
		}
	})
}

func unknownSession(t *testing.T) *script {
	x := torn(t, "refused: unknown session", "The server has restarted.")
	x.app(server, "has restarted, and knows no session", func(r *real) { r.forget = true })
	x.refused(nil, frame.Refuse{Code: frame.NotFound, Text: "the session is not known here"}, "no position: nobody knows what had arrived")
	x.learns("takes the session for lost", func(_ *real, e *conn.RefusedError) bool {
		return e != nil && e.Code == frame.NotFound && !e.HasPosition
	})
	return x
}

func wrongProof(t *testing.T) *script {
	x := torn(t, "refused: wrong proof", "One bit of the MAC is wrong. The session stays as it was, and its client resumes it.").only(server)
	x.renew()
	x.raw(client, "preface", frame.AppendPreface(nil, frame.Version))
	h := x.resumeHello(nil)
	h[len(h)-1] ^= 1
	x.send(client, h, "")
	x.send(server, link(frame.TypeRefuse, frame.AppendRefuse(nil, &frame.Refuse{Code: frame.Unauthenticated, Text: "the proof for the session is not valid"})), "")
	x.epoch = 0 // this was not the client
	x.cut()
	x.resume()
	x.send(client, reset(1, frame.Canceled, ""), "")
	x.app(server, "returns from the handler", func(r *real) { r.reply(1, nil, nil) })
	x.send(server, data(1, fin, nil), "")
	x.end()
	return x
}

func wrongPosition(t *testing.T) *script {
	x := torn(t, "refused: a position that the server's log does not have", "The server has sent nothing, and the client claims 12 bytes of it.").only(server)
	x.refused(func(h *frame.Hello) { h.Resume.Position = 12 }, frame.Refuse{Code: frame.OutOfRange, Text: "position 12 is not between 0 and 0"}, "")
	return x
}

func expired(t *testing.T) *script {
	x := torn(t, "refused: the session has ended", "The server has let the session go. It says how far it had received, so the client knows what was never taken.")
	x.app(server, "ends the session, which has waited too long", func(r *real) { r.link.Lose(errors.New("gone")) })
	x.refused(nil, frame.Refuse{Code: frame.NotFound, HasPosition: true, Position: x.sides[server].position, Text: "the session has ended"}, "1: has ended")
	x.learns("takes the session for lost", func(r *real, e *conn.RefusedError) bool {
		return e != nil && e.Code == frame.NotFound && e.HasPosition && !e.Closed
	})
	return x
}

func closedMeanwhile(t *testing.T) *script {
	x := torn(t, "refused: the session was closed", "The server has closed the session while the client was away: its BYE, said here.")
	x.app(server, "closes the session", func(r *real) {
		r.run(func() { _ = r.link.Close(context.Background(), frame.Unavailable, "restart") })
	})
	x.wait(6000)
	x.refused(nil, frame.Refuse{Code: frame.Unavailable, HasPosition: true, Closed: true, Position: x.sides[server].position, Text: "restart"}, "2: was closed, with this code")
	x.learns("takes it for the peer's BYE", func(r *real, e *conn.RefusedError) bool { return e != nil && e.Closed && e.Code == frame.Unavailable })
	return x
}

func staleEpoch(t *testing.T) *script {
	x := torn(t, "refused: an epoch that was used", "A copy of an older HELLO, say: the session goes on where it is.").only(server)
	x.resume()
	x.cut()
	x.refused(func(h *frame.Hello) { h.Resume.Epoch = 1 }, frame.Refuse{Code: frame.Aborted, Epoch: 1, Text: "a newer attempt was seen"}, "the current epoch")
	x.cut()
	x.resume()
	return x
}

func aheadEpoch(t *testing.T) *script {
	x := torn(t, "refused: again with a higher epoch", "The server has seen epoch 7. The client tries again with 8.").only(client)
	x.refused(nil, frame.Refuse{Code: frame.Aborted, Epoch: 7}, "")
	x.learns("tries again", func(*real, *conn.RefusedError) bool { return true })
	x.cut()
	x.epoch = 7
	x.resume()
	return x
}

func later(t *testing.T) *script {
	x := torn(t, "refused: later", "The server has no room now. The client waits two seconds, and comes back.").only(client)
	x.refused(nil, frame.Refuse{Code: frame.ResourceExhausted, RetryAfter: 2000}, "")
	x.learns("waits", func(_ *real, e *conn.RefusedError) bool { return e != nil && e.RetryAfter == 2*time.Second })
	x.cut()
	x.wait(2000)
	x.resume()
	return x
}

func falseServer(t *testing.T) *script {
	x := torn(t, "a server without the secret", "One bit of the server's MAC is wrong: the client closes the carrier and drops nothing from its log.").only(client)
	x.renew()
	x.raw(client, "preface", frame.AppendPreface(nil, frame.Version))
	x.send(client, x.resumeHello(nil), "")
	w := x.resumeWelcome()
	w[len(w)-1] ^= 1
	x.send(server, w, "")
	x.learns("closes the carrier, and tries again", func(_ *real, e *conn.RefusedError) bool { return e == nil })
	x.cut()
	x.resume()
	return x
}
