package chaos

import (
	"strconv"
	"strings"
	"time"
)

// String returns the fault as it is written in rules: "latency:20ms+-5ms",
// "stall.up".
func (f Fault) String() string {
	s := f.Kind.String()
	if f.Side != 0 {
		s += "." + f.Side.String()
	}
	switch f.Kind {
	case Flip:
		if f.Bytes != 1 {
			s += ":" + sizeText(f.Bytes)
		}
	case Drip:
		s += ":" + sizeText(f.Bytes) + "/" + f.Delay.String()
	case Cap:
		s += ":" + sizeText(f.Bytes) + "/s"
	case Latency:
		s += ":" + f.Delay.String()
		if f.Jitter != 0 {
			s += "+-" + f.Jitter.String()
		}
	case Flap:
		s += ":" + f.UpFor.String() + "/" + f.DownFor.String()
	}
	return s
}

// String returns the trigger as it is written in rules after the @: "up:1000",
// "t:2s+3s". It is "" for a fault from the start.
func (t Trigger) String() string {
	var s string
	counts := false
	switch t.When {
	case FromStart:
		return ""
	case AtBytes, AtTotal:
		counts = true
		if s = t.Side.String(); t.When == AtTotal {
			s = "total." + s
		}
	case AtAge:
		s = "age"
	case AtTime:
		s = "t"
	default:
		s = "when(" + strconv.Itoa(int(t.When)) + ")"
	}
	if t.Every {
		s += ".every"
	}
	s = strings.TrimPrefix(s, "t.") // "every" alone counts the time
	s += ":" + spanText(t.At, counts)
	if t.For != (Span{}) {
		s += "+" + spanText(t.For, false)
	}
	return s
}

// String returns the part of a rule after the #: "2", "2-5", "3-", or "" for all.
func (c Conns) String() string {
	switch {
	case c == Conns{}:
		return ""
	case c.Last == c.First:
		return strconv.Itoa(c.First)
	case c.Last == 0:
		return strconv.Itoa(c.First) + "-"
	}
	return strconv.Itoa(c.First) + "-" + strconv.Itoa(c.Last)
}

// String returns the text that ParseRule turns into r again.
func (r Rule) String() string {
	s := r.Fault.String()
	if t := r.Trigger.String(); t != "" {
		s += "@" + t
	}
	if c := r.Conns.String(); c != "" {
		s += "#" + c
	}
	return s
}

// MarshalText returns String, so that rules can be strings in JSON.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is the inverse of MarshalText. It fails with a *RuleError.
func (r *Rule) UnmarshalText(text []byte) error {
	got, err := ParseRule(string(text))
	if err != nil {
		return err
	}
	*r = got
	return nil
}

func spanText(s Span, counts bool) string {
	one := func(v int64) string { return time.Duration(v).String() }
	if counts {
		one = sizeText
	}
	if s.Min == s.Max {
		return one(s.Min)
	}
	return one(s.Min) + "-" + one(s.Max)
}

var units = []struct {
	name string
	size int64
}{{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}

// sizeText writes n with the largest unit that divides it.
func sizeText(n int64) string {
	for _, u := range units {
		if n != 0 && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
