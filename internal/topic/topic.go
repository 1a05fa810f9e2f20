// Package topic knows the names that messages are published under, and finds the pattern that takes one.
//
// # Usage
//
// Check a name before it is published to and a pattern before it is stored; a Tree gives the most specific pattern.
//
// # Concurrency
//
// Functions are pure. A Tree is locked by its owner.
//
// # Errors
//
// Check and CheckPattern say why; the caller names the topic.
package topic

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gantline-project/gantline/frame"
)

// Why a topic or pattern is refused.
var (
	errTopicEmpty    = errors.New("it is empty")
	errTopicPart     = errors.New("it has an empty part")
	errTopicWildcard = errors.New("wildcards are for patterns")
	errTopicRest     = errors.New("\">\" stands for all that follows and must be the last part")
)

// Check reports why name cannot be published to.
func Check(name string) error { return checkParts(name, false) }

// CheckPattern reports why pattern cannot be subscribed to.
func CheckPattern(pattern string) error { return checkParts(pattern, true) }

func checkParts(name string, wildcards bool) error {
	if name == "" {
		return errTopicEmpty
	}
	if len(name) > frame.MaxName {
		return fmt.Errorf("it has %d bytes, the limit is %d", len(name), frame.MaxName)
	}
	start := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '.' {
			continue
		}
		switch i - start {
		case 0:
			return errTopicPart
		case 1:
			switch c := name[start]; {
			case c != '*' && c != '>':
			case !wildcards:
				return errTopicWildcard
			case c == '>' && i < len(name):
				return errTopicRest
			}
		}
		start = i + 1
	}
	return nil
}

// Tree finds the most specific pattern that matches a topic. Its owner locks it.
//
// Patterns without wildcards live in a map and need one look-up; the others in a tree by their parts. A
// topic visits each node at most once, however the patterns overlap.
type Tree[T any] struct {
	exact map[string]T
	root  *node[T] // nil while there is no pattern with wildcards
}

// node is a prefix of patterns.
type node[T any] struct {
	next map[string]*node[T] // by the next part
	any  *node[T]            // the next part is "*"
	end  leaf[T]             // a pattern ends here
	rest leaf[T]             // a pattern ends here with ">"
}

type leaf[T any] struct {
	value T
	set   bool
}

func hasWildcard(pattern string) bool {
	for part := range strings.SplitSeq(pattern, ".") {
		if part == "*" || part == ">" {
			return true
		}
	}
	return false
}

// Add stores v under a checked pattern; false when the pattern is taken.
func (t *Tree[T]) Add(pattern string, v T) bool {
	if !hasWildcard(pattern) {
		if _, taken := t.exact[pattern]; taken {
			return false
		}
		if t.exact == nil {
			t.exact = make(map[string]T)
		}
		t.exact[pattern] = v
		return true
	}
	if t.root == nil {
		t.root = new(node[T])
	}
	n := t.root
	var at *leaf[T]
	for part := range strings.SplitSeq(pattern, ".") {
		switch part {
		case ">":
			at = &n.rest // the last part, so nothing overwrites it
			continue
		case "*":
			if n.any == nil {
				n.any = new(node[T])
			}
			n = n.any
		default:
			child := n.next[part]
			if child == nil {
				child = new(node[T])
				if n.next == nil {
					n.next = make(map[string]*node[T])
				}
				n.next[part] = child
			}
			n = child
		}
		at = &n.end
	}
	if at.set {
		return false
	}
	*at = leaf[T]{v, true}
	return true
}

// Remove forgets a pattern.
func (t *Tree[T]) Remove(pattern string) {
	if !hasWildcard(pattern) {
		delete(t.exact, pattern)
		return
	}
	if t.root != nil && t.root.remove(pattern) {
		t.root = nil
	}
}

// remove forgets a pattern and reports whether nothing is left below n.
func (n *node[T]) remove(pattern string) (empty bool) {
	part, more, has := strings.Cut(pattern, ".")
	switch {
	case part == ">":
		n.rest = leaf[T]{}
	case part == "*":
		if n.any != nil && n.any.removeAfter(more, has) {
			n.any = nil
		}
	default:
		if child := n.next[part]; child != nil && child.removeAfter(more, has) {
			delete(n.next, part)
		}
	}
	return n.empty()
}

func (n *node[T]) removeAfter(pattern string, more bool) (empty bool) {
	if more {
		return n.remove(pattern)
	}
	n.end = leaf[T]{}
	return n.empty()
}

func (n *node[T]) empty() bool {
	return len(n.next) == 0 && n.any == nil && !n.end.set && !n.rest.set
}

// Empty reports whether no pattern is stored.
func (t *Tree[T]) Empty() bool { return len(t.exact) == 0 && t.root == nil }

// Match returns what is stored under the most specific pattern that matches the topic. They are compared part by part from
// the left, a literal part is more specific than "*", and "*" more than ">". It allocates nothing.
func (t *Tree[T]) Match(topic []byte) (v T, ok bool) {
	if v, ok = t.exact[string(topic)]; ok {
		return v, true
	}
	if t.root == nil {
		return v, false
	}
	if l := t.root.match(topic); l != nil {
		return l.value, true
	}
	return v, false
}

// match looks for the parts of topic below n. topic holds at least one part.
func (n *node[T]) match(topic []byte) *leaf[T] {
	i := 0
	for i < len(topic) && topic[i] != '.' {
		i++
	}
	if child := n.next[string(topic[:i])]; child != nil {
		if l := child.matchAfter(topic, i); l != nil {
			return l
		}
	}
	if n.any != nil {
		if l := n.any.matchAfter(topic, i); l != nil {
			return l
		}
	}
	if n.rest.set {
		return &n.rest
	}
	return nil
}

// matchAfter goes on after the part that ends at i.
func (n *node[T]) matchAfter(topic []byte, i int) *leaf[T] {
	if i < len(topic) {
		return n.match(topic[i+1:])
	}
	if n.end.set {
		return &n.end
	}
	return nil
}
