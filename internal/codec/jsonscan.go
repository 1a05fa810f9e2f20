package codec

import "fmt"

// Bounds of a JSON body, those of a msgpack body. They are checked before the decoder sees it, because the decoder
// nests 10,000 levels deep and grows slices without a limit: it takes three bytes to make an element of any size.
const (
	maxJSONDepth    = maxMsgpackDepth
	maxJSONElements = maxMsgpackElements
)

// scanJSON returns how many elements body has: a member of an array is one, a pair of an object two. It reports an
// error when they are too many or nest too deep.
//
// It runs over the body once and allocates nothing unless it finds a fault. What is not valid JSON it may let pass: the
// decoder checks all of the body before it begins.
func scanJSON(body []byte) (elements int, err error) {
	var per [maxJSONDepth + 1]int // of each open array or object, what a member counts
	depth, empty := 0, false      // empty says that an array or object has just begun
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case ',':
			elements += per[depth]
		case ']', '}':
			depth = max(0, depth-1)
		default:
			if empty {
				elements += per[depth]
			}
			switch c {
			case '"':
				i = endOfJSONString(body, i)
			case '[', '{':
				if depth == maxJSONDepth {
					return 0, fmt.Errorf("JSON body nests deeper than %d levels", maxJSONDepth)
				}
				depth++
				if per[depth] = 1; c == '{' {
					per[depth] = 2
				}
			}
		}
		if elements > maxJSONElements {
			return 0, fmt.Errorf("JSON body has more than %d elements: send it in parts", maxJSONElements)
		}
		empty = c == '[' || c == '{'
	}
	return elements, nil
}

// endOfJSONString returns where the string that begins at i has its last byte, or the body has.
func endOfJSONString(body []byte, i int) int {
	for i++; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return i
}
