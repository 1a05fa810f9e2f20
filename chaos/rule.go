package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind says what a fault does. Its text form is the word used in rules, also in JSON.
type Kind uint8

// The kinds of faults. The first four act once, the others last until their time is over or Heal ends them.
const (
	RST       Kind = iota + 1 // resets both ends: they get ECONNRESET
	FIN                       // ends both ways in order: both ends get io.EOF
	Half                      // ends one way in order; the other goes on
	Flip                      // flips one bit in each of the next Bytes bytes
	Stall                     // forwards nothing and reads nothing: the sender's buffers fill
	Blackhole                 // swallows what is sent; new connections are accepted and lead nowhere
	Drip                      // forwards Bytes bytes, then pauses for Delay, again and again
	Cap                       // forwards at most Bytes bytes per second
	Latency                   // forwards Delay later, give or take Jitter, in order
	Outage                    // resets every connection and refuses new ones
	Flap                      // Outage for DownFor after each UpFor
)

// kindInfo is what the parser and the engine know about a kind.
type kindInfo struct {
	name  string
	lasts bool // until its time is over
	sided bool // takes a side
	own   bool // without a side it acts on the side that its trigger counts
	all   bool // acts on all connections, so a rule cannot choose some
	args  string
}

var kinds = [...]kindInfo{
	RST:       {name: "rst"},
	FIN:       {name: "fin"},
	Half:      {name: "half", sided: true, own: true},
	Flip:      {name: "flip", sided: true, own: true, args: "a number of bytes, as in flip:2"},
	Stall:     {name: "stall", lasts: true, sided: true},
	Blackhole: {name: "blackhole", lasts: true, sided: true},
	Drip:      {name: "drip", lasts: true, sided: true, args: "bytes and a pause, as in drip:1/10ms"},
	Cap:       {name: "cap", lasts: true, sided: true, args: "bytes per second, as in cap:64K/s"},
	Latency:   {name: "latency", lasts: true, sided: true, args: "a delay, as in latency:20ms or latency:20ms+-5ms"},
	Outage:    {name: "outage", lasts: true, all: true},
	Flap:      {name: "flap", lasts: true, all: true, args: "time up and time down, as in flap:100ms/100ms"},
}

func (k Kind) info() kindInfo {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return kindInfo{}
}

// String returns the word used in rules.
func (k Kind) String() string {
	if name := k.info().name; name != "" {
		return name
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// MarshalText returns String, so that kinds can be keys in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is the inverse of MarshalText. It fails with a *RuleError.
func (k *Kind) UnmarshalText(text []byte) error {
	got, err := parseKind(string(text))
	if err != nil {
		return err
	}
	*k = got
	return nil
}

// Side is a way through a connection. The zero Side means that none was given: Half and Flip then act on the
// side that the trigger counts, other faults on both.
type Side uint8

// Up is from the dialing end to the target, Down is back, Both is both.
const (
	Up Side = iota + 1
	Down
	Both
)

var sides = [...]string{"", "up", "down", "both"}

// String returns "up", "down", "both", or "" for the zero Side.
func (s Side) String() string {
	if int(s) < len(sides) {
		return sides[s]
	}
	return fmt.Sprintf("side(%d)", uint8(s))
}

// covers reports whether what happens on s concerns one, which is Up or Down.
func (s Side) covers(one Side) bool { return s == one || s == Both }

// A Fault is what goes wrong.
type Fault struct {
	Kind   Kind
	Side   Side          // for Half, Flip, Stall, Blackhole, Drip, Cap and Latency; zero = see Side
	Bytes  int64         // Flip: how many bytes; Drip: bytes per pause; Cap: bytes per second
	Delay  time.Duration // Drip: the pause; Latency: the delay
	Jitter time.Duration // Latency: at most this much more or less, evenly spread
	// Flap: this long up, then this long down.
	UpFor, DownFor time.Duration
}

// When says what a Trigger waits for.
type When uint8

// FromStart is the zero When. A lasting fault is in force from the beginning; a fault that acts once hits each
// connection before its first byte.
const (
	FromStart When = iota
	AtBytes        // this many bytes were forwarded on one connection
	AtTotal        // this many bytes were forwarded on all connections together, whichever Conns chooses
	AtAge          // a connection is this old
	AtTime         // this long after Listen, NewGroup or Wrap
)

// A Span is a range from which one value is drawn: bytes, or nanoseconds.
// Min == Max is that value exactly.
type Span struct{ Min, Max int64 }

// A Trigger says when a fault happens.
type Trigger struct {
	When  When
	Side  Side // AtBytes and AtTotal: the bytes of which side count
	Every bool // again and again, At apart (AtBytes, AtTotal, AtAge, AtTime)
	At    Span // bytes for AtBytes and AtTotal, else nanoseconds
	For   Span // how long a lasting fault lasts, in nanoseconds; zero = to the end
}

// Conns chooses connections by their number: 1 is the first one accepted or
// wrapped. The zero Conns is all of them, Last == 0 is no upper end.
type Conns struct{ First, Last int }

func (c Conns) covers(id int) bool {
	return id >= c.First && (c.Last == 0 || id <= c.Last)
}

// A Rule is one fault and when it happens to which connections. Rules are
// written as text (see the package comment); ParseRule and String are inverses.
type Rule struct {
	Fault   Fault
	Trigger Trigger
	Conns   Conns
}

// side returns the side on which the fault acts, once its trigger is known.
func (r *Rule) side() Side {
	switch {
	case r.Fault.Side != 0:
		return r.Fault.Side
	case r.Fault.Kind.info().own && (r.Trigger.Side == Up || r.Trigger.Side == Down):
		return r.Trigger.Side
	}
	return Both
}

const (
	maxBytes  = 1 << 50           // more is a mistake, and sums cannot overflow
	maxTime   = 10000 * time.Hour // likewise
	minPeriod = time.Millisecond  // a shorter one would only waste the processor
)

// Validate returns a *RuleError if the rule makes no sense. Parsed rules are valid; Listen, NewGroup and Wrap
// check those that were built by hand.
func (r Rule) Validate() error {
	why := r.Fault.refusal()
	if why == "" {
		why = r.Trigger.refusal(r.Fault.Kind)
	}
	if why == "" && r.Conns != (Conns{}) {
		switch {
		case r.Fault.Kind.info().all:
			why = r.Fault.Kind.String() + " acts on all connections: leave out the #"
		case r.Conns.First < 1 || r.Conns.Last != 0 && r.Conns.Last < r.Conns.First:
			why = fmt.Sprintf("connections %d to %d: they are numbered from 1, the first one comes first", r.Conns.First, r.Conns.Last)
		}
	}
	if why != "" {
		return &RuleError{Rule: r.String(), Reason: why}
	}
	return nil
}

// refusal says what is wrong with f, "" if nothing is.
func (f Fault) refusal() string {
	info := f.Kind.info()
	used, ok := Fault{Kind: f.Kind, Side: f.Side}, true
	switch f.Kind {
	case Flip, Cap:
		used.Bytes, ok = f.Bytes, countOK(f.Bytes)
	case Drip:
		used.Bytes, used.Delay = f.Bytes, f.Delay
		ok = countOK(f.Bytes) && timeOK(f.Delay, 1)
	case Latency:
		used.Delay, used.Jitter = f.Delay, f.Jitter
		ok = timeOK(f.Delay, 0) && timeOK(f.Jitter, 0) && f.Delay+f.Jitter > 0
	case Flap:
		used.UpFor, used.DownFor = f.UpFor, f.DownFor
		ok = timeOK(f.UpFor, minPeriod) && timeOK(f.DownFor, minPeriod)
	}
	switch {
	case info.name == "":
		return fmt.Sprintf("there is no fault %s: use one of %s", f.Kind, kindNames())
	case f.Side > Both || f.Side != 0 && !info.sided:
		return fmt.Sprintf("%s takes no side %q", f.Kind, f.Side)
	case !ok || f != used:
		return fmt.Sprintf("%s needs %s", f.Kind, info.needs())
	}
	return ""
}

func countOK(n int64) bool { return n >= 1 && n <= maxBytes }

func timeOK(d, least time.Duration) bool { return d >= least && d <= maxTime }

func (i kindInfo) needs() string {
	if i.args == "" {
		return "no argument"
	}
	return i.args
}

// refusal says what is wrong with t as the trigger of a fault of kind k.
func (t Trigger) refusal(k Kind) string {
	counts := t.When == AtBytes || t.When == AtTotal
	least, most := int64(0), int64(maxTime)
	if counts {
		most = maxBytes
	}
	if t.Every {
		least = 1
		if !counts {
			least = int64(minPeriod)
		}
	}
	switch {
	case t.When > AtTime:
		return fmt.Sprintf("there is no trigger %d", t.When)
	case t.When == FromStart && t != (Trigger{}):
		return "a rule without a trigger has no offset, period or duration"
	case counts != (t.Side != 0) || t.Side > Both:
		return fmt.Sprintf("the trigger counts side %q: it can be up, down or both for bytes and nothing for times", t.Side)
	case t.At.Min < least || t.At.Max < t.At.Min || t.At.Max > most:
		return fmt.Sprintf("trigger %s: it must be %s and the smaller value first", t.String(), bounds(counts, least, most))
	case t.For != (Span{}) && !k.info().lasts:
		return fmt.Sprintf("%s happens at once: leave out the duration after +", k)
	case t.For != (Span{}) && (t.For.Min < 1 || t.For.Max < t.For.Min || t.For.Max > int64(maxTime)):
		return fmt.Sprintf("duration %s: it must be between 1ns and %v and the smaller value first", spanText(t.For, false), maxTime)
	}
	return ""
}

func bounds(counts bool, least, most int64) string {
	if counts {
		return fmt.Sprintf("between %d and %s bytes", least, sizeText(most))
	}
	return fmt.Sprintf("between %v and %v", time.Duration(least), time.Duration(most))
}

func kindNames() string {
	var names []string
	for _, k := range kinds[1:] {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
