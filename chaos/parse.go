package chaos

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A RuleError says why a rule is invalid.
type RuleError struct {
	Rule   string // the whole text
	Reason string
}

// Error names the rule and the reason.
func (e *RuleError) Error() string {
	return fmt.Sprintf("gantline: chaos: rule %q: %s", e.Rule, e.Reason)
}

// ParseRule reads one rule, ignoring spaces around it. It fails with a *RuleError.
func ParseRule(text string) (Rule, error) {
	r, err := parseRule(strings.TrimSpace(text))
	if err == nil {
		err = r.Validate()
	}
	if err != nil {
		if e, ok := err.(*RuleError); ok {
			err = &RuleError{Rule: text, Reason: e.Reason}
		}
		return Rule{}, err
	}
	return r, nil
}

// MustParse returns the rules, one for each text. It panics if one is invalid, which suits a test with a rule
// in its source.
func MustParse(texts ...string) []Rule {
	var rules []Rule
	for _, text := range texts {
		r, err := ParseRule(text)
		if err != nil {
			panic(err)
		}
		rules = append(rules, r)
	}
	return rules
}

// ParseFault reads a fault: a rule without trigger and connections. It fails with a *RuleError.
func ParseFault(text string) (Fault, error) {
	r, err := ParseRule(text)
	if err == nil && (r.Trigger != (Trigger{}) || r.Conns != (Conns{})) {
		err = &RuleError{Rule: text, Reason: "only a fault is wanted here: leave out @ and # and what follows"}
	}
	if err != nil {
		return Fault{}, err
	}
	return r.Fault, nil
}

// MustFault is ParseFault for faults in source text: it panics where ParseFault fails.
func MustFault(text string) Fault {
	f, err := ParseFault(text)
	if err != nil {
		panic(err)
	}
	return f
}

func wrong(format string, args ...any) error {
	return &RuleError{Reason: fmt.Sprintf(format, args...)}
}

func parseRule(text string) (r Rule, err error) {
	text, conns, hasConns := strings.Cut(text, "#")
	fault, trigger, hasTrigger := strings.Cut(text, "@")
	if r.Fault, err = parseFault(fault); err != nil {
		return r, err
	}
	if hasTrigger {
		if r.Trigger, err = parseTrigger(trigger); err != nil {
			return r, err
		}
	}
	if hasConns {
		r.Conns, err = parseConns(conns)
	}
	return r, err
}

func parseKind(name string) (Kind, error) {
	for k, info := range kinds {
		if name != "" && info.name == name {
			return Kind(k), nil
		}
	}
	return 0, wrong("there is no fault %q: use one of %s", name, kindNames())
}

func parseSide(name string) (Side, error) {
	for s, text := range sides {
		if name != "" && text == name {
			return Side(s), nil
		}
	}
	return 0, wrong("there is no side %q: use up, down or both", name)
}

func parseFault(text string) (f Fault, err error) {
	head, args, hasArgs := strings.Cut(text, ":")
	name, side, hasSide := strings.Cut(head, ".")
	if f.Kind, err = parseKind(name); err != nil {
		return f, err
	}
	if hasSide {
		if f.Side, err = parseSide(side); err != nil {
			return f, err
		}
	}
	if f.Kind == Flip && !hasArgs {
		f.Bytes = 1
		return f, nil
	}
	if !hasArgs {
		return f, nil // Validate knows which kinds need some
	}
	first, second, split := strings.Cut(args, "/")
	err = nil
	switch f.Kind {
	case Flip:
		f.Bytes, err = parseSize(args)
	case Drip:
		if f.Bytes, err = parseSize(first); err == nil {
			f.Delay, err = parseTime(second)
		}
	case Cap:
		if f.Bytes, err = parseSize(first); err == nil && (!split || second != "s") {
			err = wrong("cap is per second: write cap:%s/s", first)
		}
	case Latency:
		delay, jitter, varies := strings.Cut(args, "+-")
		if f.Delay, err = parseTime(delay); err == nil && varies {
			f.Jitter, err = parseTime(jitter)
		}
	case Flap:
		if f.UpFor, err = parseTime(first); err == nil {
			f.DownFor, err = parseTime(second)
		}
	default:
		err = wrong("%s needs no argument: leave out %q", f.Kind, ":"+args)
	}
	return f, err
}

const triggerHelp = "use up, down or both (bytes of a connection), total.up, total.down or total.both (of all), " +
	"age (time of a connection), t (time), each also with .every, or every"

func parseTrigger(text string) (t Trigger, err error) {
	name, rest, ok := strings.Cut(text, ":")
	if !ok {
		return t, wrong("trigger %q has no offset or time: %s, then a colon and a value", text, triggerHelp)
	}
	event, every := strings.CutSuffix(name, ".every")
	if name == "every" {
		event, every = "t", true
	}
	side, total := strings.CutPrefix(event, "total.")
	t.Every = every
	counts := false
	switch {
	case event == "t":
		t.When = AtTime
	case event == "age":
		t.When = AtAge
	case total:
		t.When, counts = AtTotal, true
	default:
		t.When, counts = AtBytes, true
	}
	if counts {
		if t.Side, err = parseSide(side); err != nil {
			return t, wrong("there is no trigger %q: %s", name, triggerHelp)
		}
	}
	at, duration, hasDuration := strings.Cut(rest, "+")
	if t.At, err = parseSpan(at, counts); err != nil {
		return t, err
	}
	if hasDuration {
		if t.For, err = parseSpan(duration, false); err == nil && t.For.Min < 1 {
			err = wrong("duration %q: it must be more than 0", duration)
		}
	}
	return t, err
}

func parseConns(text string) (c Conns, err error) {
	first, last, ranged := strings.Cut(text, "-")
	if c.First, err = strconv.Atoi(first); err != nil || c.First < 1 {
		return c, wrong("connections %q: write 2, 2-5 or 2-; the first one is 1", text)
	}
	switch {
	case !ranged:
		c.Last = c.First
	case last != "":
		if c.Last, err = strconv.Atoi(last); err != nil || c.Last < c.First {
			return c, wrong("connections %q: the second number must not be smaller than the first", text)
		}
	}
	return c, nil
}

func parseSpan(text string, counts bool) (s Span, err error) {
	one := func(t string) (int64, error) {
		d, err := parseTime(t)
		return int64(d), err
	}
	if counts {
		one = parseSize
	}
	low, high, ranged := strings.Cut(text, "-")
	if s.Min, err = one(low); err != nil {
		return s, err
	}
	if s.Max = s.Min; ranged {
		s.Max, err = one(high)
	}
	return s, err
}

func parseSize(text string) (int64, error) {
	digits, unit := text, int64(1)
	for _, u := range units {
		if d, ok := strings.CutSuffix(text, u.name); ok {
			digits, unit = d, u.size
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(n) > maxBytes/unit {
		return 0, wrong("%q is not a number of bytes: write 1000, 64K, 8M or 1G, at most %s", text, sizeText(maxBytes))
	}
	return int64(n) * unit, nil
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxTime {
		return 0, wrong("%q is not a time: write 500us, 20ms or 1m30s, at most %v", text, maxTime)
	}
	return d, nil
}
