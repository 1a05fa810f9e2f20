package vectors

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// keySchedule is an entry of keys.json: everything from two private keys to both proofs of a resume.
type keySchedule struct {
	Name          string `json:"name"`
	Mode          string `json:"mode"`
	ClientPrivate string `json:"client_private"`
	ClientPublic  string `json:"client_public"`
	ServerPrivate string `json:"server_private"`
	ServerPublic  string `json:"server_public"`
	FirstExported string `json:"first_exported,omitempty"`
	Hello         string `json:"hello"`
	Welcome       string `json:"welcome"`
	Shared        string `json:"shared_secret"`
	Salt          string `json:"salt"`
	Secret        string `json:"session_secret"`
	Exported      string `json:"exported,omitempty"`
	ResumeHello   string `json:"resume_hello"`
	ClientProof   string `json:"client_proof"`
	ResumeWelcome string `json:"resume_welcome"`
	ServerProof   string `json:"server_proof"`
}

// TestKeys compares keys.json with the tests' own derivation. TestResume and TestExporter compare that with conn.
func TestKeys(t *testing.T) {
	var all []keySchedule
	for _, mode := range []string{"plain", "tls-exporter"} {
		var features uint32
		var first, exported []byte
		if mode == "tls-exporter" {
			features, first, exported = 1, upFrom(firstExportFrom, 32), upFrom(exporterFrom, 32)
		}
		h := firstHello(defaultLimits, func(h *frame.Hello) { h.Features, h.Exporter = features, sha256.Sum256(first) })
		w := firstWelcome(defaultLimits, func(w *frame.Welcome) { w.Features = features })
		hp, wp := frame.AppendHello(nil, &h), frame.AppendWelcome(nil, &w)
		k := newSchedule(hp, wp)
		again, back := resumes(h, w)
		again.Exporter = sha256.Sum256(exported)
		hr, wr := frame.AppendHello(nil, &again), frame.AppendWelcome(nil, &back)
		x := hex.EncodeToString
		all = append(all, keySchedule{
			Name: "a session over " + map[string]string{"plain": "TCP", "tls-exporter": "TLS 1.3"}[mode], Mode: mode,
			ClientPrivate: x(k.client.Bytes()), ClientPublic: x(h.Share[:]), ServerPrivate: x(k.server.Bytes()), ServerPublic: x(w.Share[:]),
			FirstExported: x(first), Hello: x(hp), Welcome: x(wp), Shared: x(k.shared), Salt: x(k.salt[:]), Secret: x(k.secret), Exported: x(exported),
			ResumeHello: x(hr), ClientProof: x(k.proof(client, hr, nil, exported)), ResumeWelcome: x(wr), ServerProof: x(k.proof(server, hr, wr, exported)),
		})
	}
	golden(t, "keys.json", map[string]any{"about": "The key schedule: payloads of a first handshake and of a resume, and what follows from them. In the payloads of the resume the MAC is 0.", "schedules": all})
}

// resumes is a later handshake of the session that these began, without the MACs.
func resumes(h frame.Hello, w frame.Welcome) (frame.Hello, frame.Welcome) {
	again := frame.Hello{MinVersion: h.MinVersion, MaxVersion: h.MaxVersion, Features: h.Features, Limits: h.Limits, ID: h.ID,
		Nonce: [16]byte(upFrom(clientNonceFrom+nonceStep, 16))}
	again.Resume = &frame.ResumeHello{Session: w.Session, Epoch: 1, Position: 4096, Released: [frame.Groups]uint64{0, 300, 0}}
	back := w
	back.Share, back.Nonce = [32]byte{}, [16]byte(upFrom(serverNonceFrom+nonceStep, 16))
	back.Resumed = &frame.ResumeWelcome{Position: 8192, Released: [frame.Groups]uint64{64, 0, 0}}
	return again, back
}
