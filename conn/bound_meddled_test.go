package conn

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// rewrite is a meddler's change of HELLO.
func rewrite(f func(h *frame.Hello, far net.Conn)) func([]byte, net.Conn) []byte {
	return func(p []byte, far net.Conn) []byte {
		h, err := frame.ParseHello(p)
		if err != nil {
			return p
		}
		f(&h, far)
		return frame.AppendHello(nil, &h)
	}
}

// farHash is the hash that the server wants to see: the meddler's own, where he has TLS towards the server.
func farHash(far net.Conn) (h [32]byte) {
	if tc, ok := far.(*tls.Conn); ok {
		return sha256.Sum256(seeTLS(tc).exported)
	}
	return h
}

// meddling is what somebody on the way can do to what the handshake says of TLS.
var meddling = []struct {
	name string
	m    meddler
}{
	{"takes the bit and the hash out", meddler{hello: rewrite(func(h *frame.Hello, _ net.Conn) { h.Features = 0 })}},
	{"clears the bit and leaves the hash", meddler{hello: rewrite(func(h *frame.Hello, _ net.Conn) {
		h.Features, h.Extra = 0, h.Exporter[:]
	})}},
	{"flips a bit of the hash", meddler{hello: rewrite(func(h *frame.Hello, _ net.Conn) { h.Exporter[31] ^= 1 })}},
	{"puts zeros in its place", meddler{hello: rewrite(func(h *frame.Hello, _ net.Conn) { h.Exporter = [32]byte{} })}},
	{"puts his own in its place", meddler{hello: rewrite(func(h *frame.Hello, far net.Conn) { h.Exporter = farHash(far) })}},
	{"adds the bit and his own hash", meddler{hello: rewrite(func(h *frame.Hello, far net.Conn) {
		h.Features, h.Exporter = frame.FeatureBound, farHash(far)
	})}},
	{"adds the bit alone", meddler{hello: func(p []byte, _ net.Conn) []byte { p[5] |= 1; return p }}},
	{"adds a field", meddler{hello: rewrite(func(h *frame.Hello, _ net.Conn) { h.Extra = []byte{1} })}},
	{"turns the bit of WELCOME over", meddler{welcome: func(p []byte, _ net.Conn) []byte { p[4] ^= 1; return p }}},
}

// meddled is a meddler that counts how often he changes something.
func meddled(m *meddler, n *int) *meddler {
	watch := func(edit func([]byte, net.Conn) []byte) func([]byte, net.Conn) []byte {
		if edit == nil {
			return nil
		}
		return func(p []byte, far net.Conn) []byte {
			out := edit(slices.Clone(p), far)
			if !bytes.Equal(out, p) {
				*n++
			}
			return out
		}
	}
	return &meddler{watch(m.hello), watch(m.welcome)}
}

// TestBoundFirstMeddled: who changes the first HELLO or WELCOME on the way gets no session that can be resumed, over
// whatever path. He could make it bound or not, but nobody has a proof for it.
func TestBoundFirstMeddled(t *testing.T) {
	cert := newAuthority(t).sign("server", newKey(t))
	for _, mm := range meddling {
		for _, p := range paths {
			t.Run(mm.name+"; "+p.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x := newBonds(t, cert)
					changes := 0
					err := x.connect(p, meddled(&mm.m, &changes))
					if changes == 0 && err == nil { // nothing to change here, or he has put in what was there
						x.exchange(1)
						x.cut()
						if err := x.resume(p, nil); err != nil {
							t.Fatal(err)
						}
						x.end()
						return
					}
					if err != nil { // no session at all
						abortAll(x.c, x.s)
						return
					}
					defer x.end()
					x.exchange(1)
					if x.c.keys.secret == x.s.keys.secret {
						t.Error("both sides have the same secret")
					}
					for _, later := range paths {
						x.cut()
						if err := x.resume(later, nil); err == nil || x.c.State() != StateBroken || x.s.Stats().Resumes != 0 {
							t.Errorf("over %s: %v, %v", later.name, err, x.c.State())
						}
					}
				})
			})
		}
	}
}

// abortAll is abort for links that may not be there.
func abortAll(links ...*Link) {
	for _, l := range links {
		if l != nil {
			l.Start(newTap())
			abort(l)
		}
	}
	synctest.Wait()
}

// TestBoundResumeMeddled: who changes the HELLO or WELCOME of a resume has it refused, and the session stays as it is. Its
// client takes it up again.
func TestBoundResumeMeddled(t *testing.T) {
	cert := newAuthority(t).sign("server", newKey(t))
	for _, mm := range meddling {
		for _, first := range []*path{way("TLS"), way("TLS ends and begins again"), way("TLS ends"), way("memory")} {
			for _, p := range paths {
				t.Run(mm.name+"; "+first.name+"; "+p.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						x := newBonds(t, cert)
						if err := x.connect(first, nil); err != nil {
							t.Fatal(err)
						}
						defer x.end()
						x.exchange(1)
						x.cut()
						changes := 0
						err := x.resume(p, meddled(&mm.m, &changes))
						if good := changes == 0 && (!first.bound() || p.bound()); good != (err == nil) {
							t.Errorf("%d changes: Resume = %v", changes, err)
						}
						if mm.m.hello != nil && changes > 0 && x.s.Stats().Resumes != 0 {
							t.Error("the server has taken it")
						}
						n := 1
						if err == nil {
							n++
							x.exchange(n)
						}
						x.cut()
						if err := x.resume(first, nil); err != nil {
							t.Fatalf("the client does not get its session back: %v", err)
						}
						x.exchange(n + 1)
					})
				})
			}
		}
	}
}

// TestBoundProofElsewhere: a proof that the server has never seen is worth nothing on another connection, be it the
// thief's own or a proxy's.
func TestBoundProofElsewhere(t *testing.T) {
	cert := newAuthority(t).sign("server", newKey(t))
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newBonds(t, cert)
				if err := x.connect(way("TLS"), nil); err != nil {
					t.Fatal(err)
				}
				defer x.end()
				x.exchange(1)
				x.cut()
				var kept []byte
				thief := &meddler{hello: func(p []byte, far net.Conn) []byte {
					kept = slices.Clone(p)
					far.Close()
					return p
				}}
				if err := x.resume(way("TLS"), thief); err == nil || kept == nil {
					t.Fatal(err)
				}
				nc := x.dial(p, nil)
				defer nc.Close()
				if _, err := nc.Write(append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, kept)...)); err != nil {
					t.Fatal(err)
				}
				if _, _, err := readWelcome(nc); !refusedAs(err) {
					t.Errorf("the answer to the thief is %v", err)
				}
				<-x.heard
				if x.s.State() != StateBroken || x.s.Epoch() != 0 {
					t.Errorf("the session is %v, epoch %d", x.s.State(), x.s.Epoch())
				}
				if err := x.resume(way("TLS"), nil); err != nil {
					t.Fatal(err)
				}
				x.exchange(2)
			})
		})
	}
}
