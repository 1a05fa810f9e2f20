package vectors

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/frame"
)

// TestEnds plays the transcripts of what Ends do beyond streams, calls and messages.
func TestEnds(t *testing.T) {
	check(t, "names.json", "Names and ids that belong to the protocol: the names of methods, names that nobody knows, messages that are known already.", []*script{
		methodNames(t), unknownNames(t), copies(t),
	})
}

func echo(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil }

// notify is one of the protocol's own, with its answer.
func (x *script) notify(from string, id uint64, name string, body []byte, note string) {
	x.t.Helper()
	x.send(from, open(id, fin, frame.Open{Kind: frame.KindNotify, Name: []byte(name), Size: uint32(len(body)), Body: body}), note)
	x.send(other(from), answer(id, fin, frame.Head{}, nil), "")
}

func methodNames(t *testing.T) *script {
	x := newScript(t, "the names of methods", "The client asks once; the server says what it handles, then each change.", "7.1")
	var known []string
	x.ends = map[string]*gantline.Config{
		client: {OnPeerMethod: func(_ *gantline.End, method string, added bool) {
			known = append(known, map[bool]string{true: "+", false: "-"}[added]+method)
		}},
		server: {Setup: func(e *gantline.End) error {
			e.Handle("echo", gantline.HandlerFunc(echo))
			e.Handle("old", gantline.HandlerFunc(echo))
			return nil
		}},
	}
	x.begin()
	x.notify(client, 1, frame.NameWatch, nil, "")
	x.notify(server, 2, frame.NameMethods, frame.AppendMethods(nil, true, "echo", "old"), "all there is")
	x.app(server, `handles "news"`, func(r *real) { r.end.Handle("news", gantline.HandlerFunc(echo)) })
	x.notify(server, 4, frame.NameMethods, frame.AppendMethods(nil, true, "news"), "what has changed")
	x.app(server, `handles "old" no longer`, func(r *real) { r.end.Handle("old", nil) })
	x.notify(server, 6, frame.NameMethods, frame.AppendMethods(nil, false, "old"), "")
	x.app(client, "knows them", func(r *real) {
		if want := []string{"+echo", "+old", "+news", "-old"}; !slices.Equal(known, want) {
			r.t.Errorf("the client knows %v, want %v", known, want)
		}
	})
	x.end()
	return x
}

func unknownNames(t *testing.T) *script {
	x := newScript(t, "names of the protocol that nobody knows", "A notify of an unknown name is ended and ignored; a call is Unimplemented. So are the names that are known, from a side that was not asked.", "7.1").only(server)
	x.ends = map[string]*gantline.Config{server: {Setup: func(e *gantline.End) error {
		e.Fallback(gantline.HandlerFunc(echo))
		return nil
	}}}
	x.begin()
	x.notify(client, 1, ":later", []byte("x"), "not the fallback's either")
	x.send(client, open(3, fin, frame.Open{Kind: frame.KindCall, Name: []byte(":later")}), "")
	x.send(server, answer(3, fin, frame.Head{Code: frame.Unimplemented, Text: "no such method of the protocol"}, nil), "")
	x.notify(client, 5, frame.NameMethods, frame.AppendMethods(nil, true, "echo"), "the server has not asked")
	x.end()
	return x
}

func copies(t *testing.T) *script {
	x := newScript(t, "messages that are known already", "The server remembers the ids of what it has acknowledged. It remembers nothing of a message without one.", "8").only(server)
	taken := 0
	x.ends = map[string]*gantline.Config{server: {Dedup: gantline.NewDedup(100, time.Hour), Setup: func(e *gantline.End) error {
		e.Subscribe("news", func(context.Context, *gantline.Message) error { taken++; return nil })
		return nil
	}}}
	x.begin()
	for i, m := range []struct {
		meta []byte
		want int // handed to the application, until then
		note string
	}{
		{named(0xD1), 1, ""}, {named(0xD1), 1, "a copy: acknowledged, and not handed out"}, {named(0xE1), 2, ""},
		{nil, 3, "without an id"}, {nil, 4, "not a copy of that"}, {frame.AppendMetadata(nil, frame.MetaID, make([]byte, 16)), 5, "16 zero bytes are no id either"},
		{frame.AppendMetadata(nil, frame.MetaID, make([]byte, 16)), 6, ""},
	} {
		id := uint64(2*i + 1)
		x.send(client, open(id, fin, frame.Open{Kind: frame.KindMessage, Name: []byte("news"), Metadata: m.meta, Size: 1, Body: []byte("x")}), m.note)
		x.send(server, answer(id, fin, frame.Head{}, nil), "")
		x.app(server, fmt.Sprintf("has handed out %d messages", m.want), func(r *real) {
			if taken != m.want {
				r.t.Errorf("%d messages were handed out after %d, want %d", taken, id, m.want)
			}
		})
	}
	x.end()
	return x
}
