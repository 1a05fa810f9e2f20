package errs

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gantline-project/gantline/frame"
)

const more = "..."

// Quoted returns what a peer said as one printable line, for an error's text or a log. Text that can be printed stays as
// it is; any other is quoted as Go does it. At most frame.MaxText bytes remain.
func Quoted(text string) string {
	if printable(text) {
		return Clip(text)
	}
	var b strings.Builder
	b.WriteByte('"')
	for len(text) > 0 {
		_, n := utf8.DecodeRuneInString(text)
		q := strconv.Quote(text[:n])
		if q = q[1 : len(q)-1]; b.Len()+len(q)+len(more) >= frame.MaxText {
			b.WriteString(more)
			break
		}
		b.WriteString(q)
		text = text[n:]
	}
	b.WriteByte('"')
	return b.String()
}

func printable(text string) bool {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return false
			}
		}
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// Clip cuts text to the frame.MaxText bytes that may travel, between two characters.
func Clip(text string) string {
	if len(text) <= frame.MaxText {
		return text
	}
	n := frame.MaxText - len(more)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + more
}
