package vectors

import (
	"bytes"

	"github.com/gantline-project/gantline/frame"
)

// stream1 and call1 are opens that are as they should be.
var (
	stream1 = open(1, 0, frame.Open{})
	call1   = open(1, 0, frame.Open{Kind: frame.KindCall, Size: 10, Body: []byte("12345")})
)

// meta is an OPEN whose metadata block is this.
func meta(block []byte) []byte {
	return open(1, 0, frame.Open{Metadata: block})
}

func badOpens() []*breach {
	plain := frame.AppendOpen(nil, &frame.Open{})
	with := func(off int, b ...byte) []byte {
		return encode(frame.Header{Type: frame.TypeOpen, ID: 1}, change(plain, off, b...))
	}
	var pairs []byte
	for i := range 65 {
		pairs = frame.AppendMetadata(pairs, string(rune('A'+i)), nil)
	}
	return []*breach{
		inSession("an id of the wrong parity", "6.1", open(2, 0, frame.Open{})),
		inSession("an id that was used", "6.1", stream1, stream1),
		inSession("an id below an earlier one", "6.1", open(3, 0, frame.Open{}), stream1),
		inSession("DATA for an id that was never opened", "6.1", data(1, early, []byte("abc"))),
		inSession("CREDIT for an id that was never opened", "6.1", credit(1, 1)),
		inSession("RESET for an id that was never opened", "6.1", reset(2, frame.Canceled, "")),
		inSession("STOP for an id that was never opened", "6.1", stop(1)),
		inSession("a parent that was never opened", "6.2", open(1, 0, frame.Open{Kind: frame.KindCall, Parent: 3})),
		inSession("an unknown kind", "3.8", with(0, 6)),
		inSession("depth 17", "6.3", with(1, 17)),
		inSession("a byte that must be 0", "3.8", with(3, 1)),
		inSession("a size over 2^31-1", "3.8", with(15, 0x80, 0, 0, 0)),
		inSession("a name that is cut short", "3.8", with(19, 200)),
		inSession("a metadata block that is cut short", "3.8", with(20, 0, 1)),
		inSession("more body than size", "3.8", open(1, 0, frame.Open{Kind: frame.KindCall, Size: 2, Body: []byte("abc")})),
		inSession("less body than size, with FIN", "6.4", open(1, fin, frame.Open{Kind: frame.KindCall, Size: 4, Body: []byte("abc")})),
		inSession("a key without a name", "3.10", meta([]byte{0, 0, 0})),
		inSession("a pair that is cut short", "3.10", meta([]byte{1, 'k', 0, 2, 'v'})),
		inSession("65 pairs", "3.10", meta(pairs)),
		inSession("8193 bytes of metadata", "3.10", meta(frame.AppendMetadata(nil, "k", make([]byte, 8193-4)))),
		inSession("more early bytes than a stream may have", "6.4", open(1, 0, frame.Open{Body: make([]byte, 1025)})),
		inSession("more early bytes than a group may have", "6.4", open(1, 0, frame.Open{Body: make([]byte, 1000)}),
			open(3, 0, frame.Open{Body: make([]byte, 1000)}), open(5, 0, frame.Open{Body: make([]byte, 1000)}), open(7, 0, frame.Open{Body: []byte{0}})),
	}
}

func badData() []*breach {
	ok := frame.AppendHead(nil, &frame.Head{})
	return []*breach{
		inSession("DATA without credit", "6.4", stream1, data(1, 0, []byte("a"))),
		inSession("DATA beyond the credit", "6.4", open(1, 0, frame.Open{Kind: frame.KindCall}), data(1, 0, make([]byte, 8193))),
		inSession("early bytes in two frames, too many for a stream", "6.4", stream1, data(1, early, make([]byte, 1000)), data(1, early, make([]byte, 25))),
		inSession("DATA after FIN", "6.7", stream1, data(1, fin, nil), data(1, early, []byte("a"))),
		inSession("FIN after FIN", "6.7", stream1, data(1, fin, nil), data(1, fin, nil)),
		inSession("HEAD on a stream of bytes", "6.5", stream1, data(1, head|fin, nil)),
		inSession("HEAD in the opener's direction", "6.5", call1, data(1, head|fin, ok)),
		inSession("more body than size in two frames", "6.4", call1, data(1, early, []byte("678901"))),
		inSession("less body than size", "6.4", call1, data(1, early|fin, []byte("6789"))),
		inSession("FIN before the last byte", "6.4", call1, data(1, fin, nil)),
	}
}

// badAnswers are sent to a client that has called "echo" with the body "x": its id is 1.
func badAnswers() []*breach {
	r := func(name, rule string, frames ...[]byte) *breach {
		return &breach{name: name, rule: rule, to: client, calls: true, frames: frames, want: byes, code: frame.Internal}
	}
	block := func(b ...byte) []byte { return data(1, head|fin, b) }
	begin := answer(1, early, frame.Head{Size: 4}, []byte("ab"))
	return []*breach{
		r("an answer without HEAD", "6.5", data(1, early|fin, []byte("abc"))),
		r("a second HEAD", "6.5", begin, answer(1, early|fin, frame.Head{}, []byte("cd"))),
		r("an answer shorter than its size", "6.4", begin, data(1, early|fin, []byte("c"))),
		r("an answer longer than its size", "6.4", begin, data(1, early|fin, []byte("cde"))),
		r("a whole answer of another size", "6.4", answer(1, early|fin, frame.Head{Size: 4}, []byte("abc"))),
		r("more early bytes than a stream may have", "6.4", answer(1, early, frame.Head{Size: 2000}, make([]byte, 1025))),
		r("an answer on credit that nobody gave", "6.4", answer(1, 0, frame.Head{Size: 4}, []byte("ab"))),
		r("HEAD: the long form of OK", "3.9", block(append([]byte{0, 10}, make([]byte, 10)...)...)),
		r("HEAD: a length between 0 and 10", "3.9", block(0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
		r("HEAD: a block that is cut short", "3.9", block(0, 10, 0, 1)),
		r("HEAD: one byte", "3.9", block(0)),
		r("HEAD: a text over 1024 bytes", "3.9", block(append([]byte{4, 11, 0, 1, 0, 0, 0, 0, 4, 1}, bytes.Repeat([]byte("t"), 1027)...)...)),
		r("EARLY with a HEAD block and no body", "2.2", data(1, head|early|fin, frame.AppendHead(nil, &frame.Head{Code: frame.NotFound}))),
	}
}
