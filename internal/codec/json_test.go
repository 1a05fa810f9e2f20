package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestScanJSON(t *testing.T) {
	many := func(member string, n int) string { return "[" + strings.Repeat(member+",", n-1) + member + "]" }
	deep := func(n int, inner string) string {
		return strings.Repeat("[", n) + inner + strings.Repeat("]", n)
	}
	for _, tc := range []struct {
		name, body string
		elements   int
		want       string // part of the error; "" = fine
	}{
		{"null", "null", 0, ""},
		{"a number", " -1.5e+7\n", 0, ""},
		{"empty", "[]", 0, ""},
		{"empty with a space", "[ \t]", 0, ""},
		{"empty object", "{ }", 0, ""},
		{"one", "[1]", 1, ""},
		{"one of several bytes", "[ 123 ]", 1, ""},
		{"three", `[1, "a" ,null]`, 3, ""},
		{"pairs", `{"a":1,"b":2}`, 4, ""},
		{"empty ones", "[{},[],{}]", 3, ""},
		{"in each other", `[{"a":[1,2],"b":{}},[[]]]`, 2 + 4 + 2 + 1, ""},
		{"what strings hold", `["[,],{", "\"[,", "\\", "\\\"]"]`, 4, ""},
		{"what names hold", `{"[1,2":"\u005b"}`, 2, ""},
		{"depth 64", deep(64, "1"), 64, ""},
		{"depth 64, empty inside", deep(64, ""), 63, ""},
		{"a million elements", many("1", 1<<20), 1 << 20, ""},
		{"depth 65", deep(65, "1"), 0, "deeper than 64"},
		{"depth 65 of objects", strings.Repeat(`{"a":`, 65), 0, "deeper than 64"},
		{"100,000 deep", strings.Repeat("[", 100000), 0, "deeper than 64"},
		{"a million and one", many("1", 1<<20+1), 0, "more than 1048576 elements"},
		{"a million and one in arrays", "[" + many("1", 1<<19) + "," + many("{}", 1<<19-1) + "]", 0, "more than 1048576 elements"},
		{"closed too often", "]]]][[1]]", 2, ""},
		{"cut in a string", `["a\`, 1, ""},
	} {
		n, err := scanJSON([]byte(tc.body))
		if tc.want == "" && (err != nil || n != tc.elements) || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %d, %v, want %d, %q", tc.name, n, err, tc.elements, tc.want)
		}
	}
}

// jsonCount counts the elements and levels of valid JSON with the decoder's own tokens.
func jsonCount(body []byte) (elements, depth int) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var open []json.Delim
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return elements, depth
		}
		if err != nil {
			panic(fmt.Sprintf("%q is valid, but its tokens are not: %v", body, err))
		}
		end := tok == json.Delim(']') || tok == json.Delim('}')
		if len(open) > 0 && !end {
			elements++ // a name and its value are two tokens
		}
		if d, ok := tok.(json.Delim); ok && end {
			open = open[:len(open)-1]
		} else if ok {
			open = append(open, d)
			depth = max(depth, len(open))
		}
	}
}

// manyJSON is an array of size bytes, or of as many members as there may be.
func manyJSON(size int, member string) []byte {
	n := min((size-2)/(len(member)+1), maxJSONElements)
	b := append([]byte("["), bytes.Repeat([]byte(member+","), n)...)
	b[len(b)-1] = ']'
	return b
}

// FuzzJSONScan compares the scan with encoding/json: it counts what that finds, and what passes is decoded the same.
func FuzzJSONScan(f *testing.F) {
	value, err := JSON{}.Append(nil, sampleValue())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	for _, s := range []string{"[]", `{"a":[1,{"b":null}],"c":""}`, "[{},{},{}]", `["\"]",{"\\":[]}]`, `{"\u0061ny":{"x":[[]]}}`, "[1,", `"\`, strings.Repeat("[", 66) + strings.Repeat("]", 66)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := scanJSON(body)
		valid := json.Valid(body)
		if valid {
			elements, depth := jsonCount(body)
			if over := depth > maxJSONDepth || elements > maxJSONElements; over != (err != nil) || err == nil && n != elements {
				t.Fatalf("%q: the scan says %d, %v, and there are %d elements in %d levels", body, n, err, elements, depth)
			}
		}
		got, errs := map[string]any{}, map[string]error{}
		size := allocated(func() {
			for name, f := range bombTargets {
				got[name] = f()
				errs[name] = JSON{}.Unmarshal(body, got[name])
			}
		})
		if limit := uint64(len(bombTargets) * (256<<10 + (64+roomPerByte)*len(body))); size > limit {
			t.Errorf("%d bytes allocated %d", len(body), size)
		}
		for name, f := range bombTargets {
			got, want, gotErr := got[name], f(), errs[name]
			if err != nil {
				if gotErr == nil {
					t.Errorf("%q was accepted but not by the scan", body)
				}
				continue
			}
			if wantErr := json.Unmarshal(body, want); fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) {
				t.Errorf("%q into %s: %v, %v, want %v, %v", body, name, got, gotErr, want, wantErr)
			}
			if !valid {
				continue
			}
			w := roomWalk{rules: &jsonRules, b: body}
			w.json(jsonRules.shapeOf(reflect.TypeOf(got).Elem()))
			if w.next() != 0 || w.i < len(body) {
				t.Errorf("%q into %s: the walk ends at %d of %d", body, name, w.i, len(body))
			}
		}
	})
}

func TestScanJSONAllocs(t *testing.T) {
	body := []byte(`{"a":[1,2,{"b":"c\"d"}],"e":{}}`)
	var v any
	if n := testing.AllocsPerRun(100, func() { _, _ = scanJSON(body); _ = jsonRules.check(body, 20, &v, (*roomWalk).json) }); n != 0 {
		t.Errorf("the scan allocates %v times", n)
	}
}
