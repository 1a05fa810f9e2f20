package frame

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	protocolFile = "../docs/PROTOCOL.md"
	examples     = "\n## 10. Examples\n"
)

func protocol(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(protocolFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// section is the text below a heading, up to the next one.
func section(t *testing.T, doc, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(doc, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("no heading %q", heading)
	}
	if i := strings.Index(rest, "\n#"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// rows are the cells of the tables in a text, without the heads.
func rows(text string) (out [][]string) {
	head := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			head = true
			continue
		}
		if strings.HasPrefix(line, "|--") {
			head = false
			continue
		}
		if head {
			continue
		}
		var cells []string
		for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		out = append(out, cells)
	}
	return out
}

// The examples are the files of testdata, one block each.
func TestDocsExamples(t *testing.T) {
	var want strings.Builder
	want.WriteString(examples)
	want.WriteString("\nWhole frames in hexadecimal: a line with length, type, flags and id, then the payload. They are the files of `frame/testdata`.\n")
	for _, typ := range knownTypes() {
		b, err := os.ReadFile(hexFile(typ))
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), "\n\n") // after the comment
		fmt.Fprintf(&want, "\n### %s\n\n```\n%s```\n", typ, text)
	}
	doc := protocol(t)
	body, got, ok := strings.Cut(doc, examples)
	if *update {
		if err := os.WriteFile(protocolFile, []byte(strings.TrimRight(body, "\n")+"\n"+want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !ok || examples+got != want.String() {
		t.Errorf("the examples in %s differ from testdata; run: go test ./frame -update", filepath.Base(protocolFile))
	}
}

func TestDocsFrameTypes(t *testing.T) {
	seen := map[Type]bool{}
	for _, c := range rows(section(t, protocol(t), "### 2.1 Frame types")) {
		n, err := strconv.ParseUint(c[0], 16, 8)
		if err != nil {
			t.Fatalf("type %q: %v", c[0], err)
		}
		typ := Type(n)
		r := rules[typ]
		seen[typ] = true
		id := "0"
		if r.stream {
			id = "stream"
		}
		if typ == TypeOpen {
			id = "stream, not 0"
		}
		greatest := fmt.Sprint(r.max)
		if r.max == MaxLength {
			greatest = "max"
		}
		want := []string{c[0], r.name, id, strings.ReplaceAll(r.flags.String(), "|", " "), fmt.Sprint(r.min), greatest}
		if !slices.Equal(c, want) {
			t.Errorf("row %q, want %q", c, want)
		}
	}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, knownTypes()) {
		t.Errorf("the table has the types %v, want %v", got, knownTypes())
	}
}

func TestDocsFlagsKindsCodes(t *testing.T) {
	doc := protocol(t)
	flags := rows(section(t, doc, "### 2.2 Flags"))
	for i, c := range flags {
		if c[0] != fmt.Sprint(1<<i) || c[1] != Flags(1<<i).String() {
			t.Errorf("flag row %q", c)
		}
	}
	if len(flags) != 4 {
		t.Errorf("%d flags, want 4", len(flags))
	}
	kinds := 0
	for _, c := range rows(section(t, doc, "#### Kinds")) {
		n, err := strconv.ParseUint(c[0], 10, 8)
		if k := Kind(n); err != nil || !k.Valid() || k.String() != c[1] || fmt.Sprint(k.Group()) != c[2] {
			t.Errorf("kind row %q: %v", c, err)
		}
		kinds++
	}
	if kinds != 7 {
		t.Errorf("%d kinds, want 7", kinds)
	}
	rowsOfCodes := rows(section(t, doc, "### 3.12 Codes"))
	for i, c := range rowsOfCodes {
		if c[0] != fmt.Sprint(i) || c[1] != Code(i).Name() {
			t.Errorf("code row %q", c)
		}
	}
	if len(rowsOfCodes) != len(codes) {
		t.Errorf("%d codes, want %d", len(rowsOfCodes), len(codes))
	}
}

func TestDocsLimits(t *testing.T) {
	want := map[string]int{
		"header, bytes": HeaderLen, "preface, bytes": PrefaceLen,
		"payload accepted by default, bytes": DefaultMaxPayload, "least max payload, bytes": MinMaxPayload,
		"greatest payload, bytes": MaxLength, "text, bytes": MaxText, "detail, bytes": MaxDetail,
		"name, bytes": MaxName, "peer id, bytes": MaxPeerID, "metadata block, bytes": MaxMetadata,
		"pairs in a metadata block":                          MaxMetadataPairs,
		"payload of HELLO, WELCOME, CHALLENGE, PROOF, bytes": MaxHandshake, "address in REFUSE and DRAIN, bytes": maxAddr,
	}
	got := map[string]int{}
	for _, c := range rows(section(t, protocol(t), "## 4. Limits")) {
		n, err := strconv.ParseUint(c[1], 10, 64)
		if err != nil {
			t.Errorf("limit row %q: %v", c, err)
		}
		if c[0] == "greatest id" {
			if n != MaxID {
				t.Errorf("limit row %q, want %d", c, uint64(MaxID))
			}
			continue
		}
		got[c[0]] = int(n)
	}
	if !maps.Equal(got, want) {
		t.Errorf("limits\n got %v\nwant %v", got, want)
	}
}

var fieldRow = regexp.MustCompile(`^[0-9]+$`)

// Offsets in the tables of bytes follow from the sizes above them, and fixed
// parts end where the code says.
func TestDocsOffsets(t *testing.T) {
	for heading, end := range map[string]int{
		"## 1. Carrier": PrefaceLen, "## 2. Frames": HeaderLen, "### 3.1 Limits block": limitsLen,
		"### 3.2 HELLO": 106, "### 3.6 ACK, PING, PONG": ackLen, "### 3.3 WELCOME": 121, "### 3.5 REFUSE": 15, "### 3.7 BYE": 10, "### 3.8 OPEN": openName,
		"### 3.9 DATA and the HEAD block": headText,
	} {
		at := 0
		for _, c := range rows(section(t, protocol(t), heading)) {
			if len(c) < 3 || !fieldRow.MatchString(c[0]) || !fieldRow.MatchString(c[1]) {
				break
			}
			offset, _ := strconv.Atoi(c[0])
			size, _ := strconv.Atoi(c[1])
			if offset != at {
				t.Errorf("%s: %q stands at %d, want %d", heading, c[2], offset, at)
			}
			at = offset + size
		}
		if at != end {
			t.Errorf("%s: the fixed part ends at %d, want %d", heading, at, end)
		}
	}
	hello := rows(section(t, protocol(t), "### 3.2 HELLO"))
	if block := hello[len(hello)-1]; block[0] != "56" || block[1] != "32" || resumeHello != 88 || resumeWelcome != 64 {
		t.Errorf("resume row %q", block)
	}
}
