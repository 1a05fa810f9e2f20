package chaos

import "math"

// meter counts forwarded bytes and stops its lanes where something is to happen.
// Bytes are reserved before they are written, so that several lanes at once cannot
// run past a stop, and count as done when the kernel has them. Group.mu guards it.
type meter struct {
	taken int64 // done, and being written
	done  int64
	arms  []*arm // those that wait for an offset, in the order of the rules
}

// meters are the counts of up, down and both, in this order.
type meters [3]meter

func (ms *meters) of(s Side) *meter { return &ms[s-1] }

// room returns how many bytes may be taken before the next stop.
func (m *meter) room() int64 {
	room := int64(math.MaxInt64)
	for _, a := range m.arms {
		room = min(room, a.next-m.taken)
	}
	return room
}

// dueLocked takes out of m the arms whose offset is reached, and puts back those
// that recur.
func (m *meter) dueLocked() []*arm {
	var due, rest []*arm
	for _, a := range m.arms {
		if a.next > m.done {
			rest = append(rest, a)
			continue
		}
		due = append(due, a)
		if a.rule.Trigger.Every {
			a.next += a.src.draw(a.rule.Trigger.At)
			rest = append(rest, a)
		}
	}
	if len(due) > 0 {
		m.arms = rest
	}
	return due
}
