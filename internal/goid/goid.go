package goid

import (
	"bytes"
	"reflect"
	"runtime"
	"slices"
	"strconv"
)

// ID returns the number that the runtime prints for the current goroutine. No two have the same.
func ID() uint64 {
	var buf [64]byte
	return parse(buf[:runtime.Stack(buf[:], false)])
}

// parse takes the number from the first line of a stack.
func parse(stack []byte) uint64 {
	s, ok := bytes.CutPrefix(stack, []byte("goroutine "))
	if !ok {
		return 0
	}
	s, _, _ = bytes.Cut(s, []byte(" "))
	id, _ := strconv.ParseUint(string(s), 10, 64)
	return id
}

// NameOf returns the name under which f, a function or method expression, shows in a stack.
func NameOf(f any) string {
	return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
}

// page is how many frames of a stack are looked at together.
const page = 64

// Inside reports whether a function with one of these names, from NameOf, runs on the current goroutine.
func Inside(names ...string) bool {
	var pcs [page]uintptr
	for skip := 0; ; skip += page {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			// A page holds return addresses, of inlined calls too: the call is just before. CallersFrames would also find
			// the lines, which takes most of its time.
			if f := runtime.FuncForPC(pc - 1); f != nil && slices.Contains(names, f.Name()) {
				return true
			}
		}
		if n < page {
			return false
		}
	}
}
