package vectors

import (
	"github.com/gantline-project/gantline/frame"
)

// Frames as the scripts write them.

const (
	fin     = frame.FlagFin
	head    = frame.FlagHead
	blocked = frame.FlagBlocked
	early   = frame.FlagEarly
)

func encode(h frame.Header, p []byte) []byte {
	h.Length = uint32(len(p))
	return append(frame.AppendHeader(nil, h), p...)
}

func open(id uint64, flags frame.Flags, o frame.Open) []byte {
	return encode(frame.Header{Type: frame.TypeOpen, Flags: flags, ID: id}, frame.AppendOpen(nil, &o))
}

func data(id uint64, flags frame.Flags, body []byte) []byte {
	return encode(frame.Header{Type: frame.TypeData, Flags: flags, ID: id}, body)
}

// answer is DATA with a HEAD block. An empty payload says OK.
func answer(id uint64, flags frame.Flags, h frame.Head, body []byte) []byte {
	p := append(frame.AppendHead(nil, &h), body...)
	if len(p) == 2 {
		p = nil
	}
	return encode(frame.Header{Type: frame.TypeData, Flags: flags | head, ID: id}, p)
}

func credit(id uint64, n uint32) []byte {
	return encode(frame.Header{Type: frame.TypeCredit, ID: id}, frame.AppendCredit(nil, n))
}

func reset(id uint64, code frame.Code, text string) []byte {
	return encode(frame.Header{Type: frame.TypeReset, ID: id}, frame.AppendReset(nil, &frame.Reset{Code: code, Text: text}))
}

func stop(id uint64) []byte {
	return encode(frame.Header{Type: frame.TypeStop, ID: id}, frame.AppendStop(nil, &frame.Stop{}))
}

func drain(last uint64, code frame.Code, text string) []byte {
	return encode(frame.Header{Type: frame.TypeDrain}, frame.AppendDrain(nil, &frame.Drain{LastID: last, Code: code, Text: text}))
}

func link(t frame.Type, p []byte) []byte { return encode(frame.Header{Type: t}, p) }

// ack is the position of a side, as it stands, and its counters.
func (x *script) ack(from string) []byte {
	return link(frame.TypeAck, frame.AppendAck(nil, x.ackOf(from)))
}

func (x *script) ping(from string, t frame.Type, opaque uint64) []byte {
	return link(t, frame.AppendPing(nil, &frame.Ping{Opaque: opaque, Ack: x.ackOf(from)}))
}

func (x *script) bye(from string, code frame.Code, text string) []byte {
	return link(frame.TypeBye, frame.AppendBye(nil, &frame.Bye{Code: code, Text: text, Position: x.sides[from].position}))
}

func (x *script) ackOf(from string) frame.Ack {
	s := x.sides[from]
	s.released = s.early // each script acknowledges at times when everything was consumed
	return frame.Ack{Position: s.position, Released: s.released}
}

// hello and welcome begin a session.
func (x *script) hello() { x.greet(nil) }

// greet is hello with a HELLO of the script's own.
func (x *script) greet(change func(*frame.Hello)) {
	x.t.Helper()
	h := firstHello(x.limits[client], change)
	w := firstWelcome(x.limits[server], nil)
	hp, wp := frame.AppendHello(nil, &h), frame.AppendWelcome(nil, &w)
	x.keys = newSchedule(hp, wp)
	x.raw(client, "preface", frame.AppendPreface(nil, frame.Version))
	x.send(client, link(frame.TypeHello, hp), "")
	x.send(server, link(frame.TypeWelcome, wp), "")
}

// begin is hello and the first PING with its PONG.
func (x *script) begin() {
	x.t.Helper()
	x.hello()
	x.confirm()
}

// confirm is the first PING with its PONG.
func (x *script) confirm() {
	x.t.Helper()
	x.send(client, x.ping(client, frame.TypePing, 1), "at once: the session is real for the server now")
	x.send(server, x.ping(server, frame.TypePong, 1), "")
}

// end is a regular end by the client: FIN for stream 0, its acknowledgement, and BYE on both sides.
func (x *script) end() {
	x.t.Helper()
	x.app(client, "closes", func(r *real) { r.close() })
	if x.ends[client] != nil {
		x.send(client, drain(x.lastFrom(server), frame.OK, "closed"), "what is opened from now on is not run")
	}
	x.send(client, data(0, fin, nil), "the last frame: a FIN for every open stream, which is only the first here")
	x.send(server, x.ack(server), "now everything is acknowledged")
	x.send(client, x.bye(client, frame.OK, ""), "")
	x.send(server, x.bye(server, frame.OK, ""), "")
}

// lastFrom is the highest id that a side has opened.
func (x *script) lastFrom(from string) (last uint64) {
	for _, st := range x.steps {
		if st.from == from && st.h.Type == frame.TypeOpen {
			last = max(last, st.h.ID)
		}
	}
	return last
}

// resumeHello is the HELLO of a resume, with its MAC.
func (x *script) resumeHello(change func(*frame.Hello)) []byte {
	x.epoch++
	x.attempts[client]++
	s := x.sides[client]
	h := frame.Hello{
		MinVersion: frame.Version, MaxVersion: frame.Version, Limits: x.limits[client], ID: "c1",
		Nonce: [16]byte(upFrom(clientNonceFrom+byte(x.attempts[client])*nonceStep, 16)),
	}
	h.Resume = &frame.ResumeHello{Session: [16]byte(upFrom(sessionFrom, 16)), Epoch: x.epoch, Position: s.position, Released: s.released}
	if change != nil {
		change(&h)
	}
	x.said = map[string][]byte{client: frame.AppendHello(nil, &h)}
	h.Resume.MAC = [32]byte(x.keys.proof(client, x.said[client], nil, nil))
	return link(frame.TypeHello, frame.AppendHello(nil, &h))
}

func (x *script) resumeWelcome() []byte {
	x.attempts[server]++
	s := x.sides[server]
	w := frame.Welcome{
		Version: frame.Version, Limits: x.limits[server], Heartbeat: 15000, Expiry: 60000, ServerID: "hub", ClientID: "c1",
		Session: [16]byte(upFrom(sessionFrom, 16)), Nonce: [16]byte(upFrom(serverNonceFrom+byte(x.attempts[server])*nonceStep, 16)),
	}
	w.Resumed = &frame.ResumeWelcome{Position: s.position, Released: s.released}
	w.Resumed.MAC = [32]byte(x.keys.proof(server, x.said[client], frame.AppendWelcome(nil, &w), nil))
	return link(frame.TypeWelcome, frame.AppendWelcome(nil, &w))
}

// resume is a new carrier with both proofs. Both logs are trimmed by it.
func (x *script) resume() {
	x.t.Helper()
	x.renew()
	x.raw(client, "preface", frame.AppendPreface(nil, frame.Version))
	x.send(client, x.resumeHello(nil), "epoch, position and counters of the client, and its proof")
	x.sides[server].acked = x.sides[client].position
	x.send(server, x.resumeWelcome(), "position and counters of the server, and its proof")
	x.sides[client].acked = x.sides[server].position
}

// end2 is end with stream id still open: it ends first, by the client.
func (x *script) end2(id uint64) {
	x.t.Helper()
	x.send(client, stop(id), "")
	x.send(client, data(id, fin, nil), "")
	x.send(server, data(id, fin, nil), "")
	x.end()
}
