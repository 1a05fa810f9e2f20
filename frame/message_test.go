package frame

import (
	"strings"
	"testing"
)

const testID = "0123456789abcdef"

// The pairs of a message's metadata block, as they travel.
const (
	pairID   = "\x03:id\x00\x10" + testID
	pairMark = "\x0c:redelivered\x00\x01\x01"
	pairK    = "\x01k\x00\x01v"
)

// TestMessageBlock: the bytes of a message's metadata, and those when it is published again.
func TestMessageBlock(t *testing.T) {
	m := map[string][]string{"k": {"v"}}
	for name, tt := range map[string]struct {
		redelivered bool
		m           map[string][]string
		block       string
		again       string
	}{
		"plain":                {false, nil, pairID, pairMark + pairID},
		"no metadata at all":   {false, map[string][]string{}, pairID, pairMark + pairID},
		"metadata":             {false, m, pairID + pairK, pairMark + pairID + pairK},
		"a copy":               {true, nil, pairID + pairMark, pairID + pairMark},
		"a copy with metadata": {true, m, pairID + pairMark + pairK, pairID + pairMark + pairK},
	} {
		t.Run(name, func(t *testing.T) {
			block, err := AppendMessage(nil, []byte(testID), tt.redelivered, tt.m)
			if err != nil || string(block) != tt.block || CheckMetadata(block) != nil {
				t.Errorf("got %q, %v, want %q", block, err, tt.block)
			}
			if id, ok := MetadataValue(block, MetaID); !ok || string(id) != testID {
				t.Errorf("the id is %q", id)
			}
			again := Redelivered(block)
			if string(again) != tt.again || string(block) != tt.block {
				t.Errorf("again: %q of %q, want %q", again, block, tt.again)
			}
			if string(Redelivered(again)) != tt.again {
				t.Error("a copy of a copy has another block")
			}
			if len(tt.m) == 0 && len(again) != MessageBlock {
				t.Errorf("a plain message's block has %d bytes, MessageBlock says %d", len(again), MessageBlock)
			}
		})
	}
}

// TestMessageBlockLimits: what would not fit with the mark of a copy is refused, so that what fits can be marked.
func TestMessageBlockLimits(t *testing.T) {
	for name, grow := range map[string]struct {
		metadata func(n int) map[string][]string
		most     int
	}{
		"pairs": {func(n int) map[string][]string { return map[string][]string{"k": make([]string, n)} }, MaxMetadataPairs - 2},
		"bytes": {func(n int) map[string][]string { return map[string][]string{"k": {strings.Repeat("v", n)}} }, MaxMetadata - MessageBlock - 4},
	} {
		for _, redelivered := range []bool{false, true} {
			block, err := AppendMessage(nil, []byte(testID), redelivered, grow.metadata(grow.most))
			if err != nil || CheckMetadata(Redelivered(block)) != nil {
				t.Errorf("%s, redelivered %v: %v, and published again %v", name, redelivered, err, CheckMetadata(Redelivered(block)))
			}
			if _, err = AppendMessage(nil, []byte(testID), redelivered, grow.metadata(grow.most+1)); err == nil {
				t.Errorf("%s, redelivered %v: one more fits", name, redelivered)
			}
		}
	}
}

// TestMessageBlockAllocs: with room for it a plain message's block costs no allocation.
func TestMessageBlockAllocs(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		var buf [MessageBlock]byte
		var id [16]byte
		if _, err := AppendMessage(buf[:0], id[:], true, nil); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
