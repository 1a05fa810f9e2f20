package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/gantline-project/gantline"
)

// A side records these, one line each: the kind, a number, and for some a message's id.
const (
	began   = 'c' // a call of this side is about to be made
	right   = 'a' // it was answered, and correctly
	unknown = 'u' // it may have run: its answer will not come
	unsent  = 'n' // it has not run and will not
	ran     = 'r' // a call of the other side is about to be run
	sending = 'p' // a message of this side is about to be published
	acked   = 'k' // the other side has it
	got     = 'g' // a message of the other side was delivered
	dropped = 'd' // a copy of one was not
	replay  = 's' // the session continued over a new connection; the number is of bytes sent again
)

// ledger is what one side did and what reached it. The server's is also a file, and a line is in it before the server
// answers: kill -9 loses nothing, and the next server process continues where it was.
//
// It is the side's gantline.Dedup too. Delivering a message and remembering its id are one line, so no kill comes between
// them.
type ledger struct {
	f *os.File // nil = in memory only

	mu sync.Mutex // guards what follows
	tallies
	calls    map[int64]byte // how far each call of this side is
	runs     map[int64]int
	unacked  map[int64]gantline.MessageID
	messages map[int64]int // delivered
	ids      map[gantline.MessageID]bool
	failed   error // of the file
}

// tallies are a ledger's sums.
type tallies struct {
	Calls, Right, Unknown, Unsent int64 // calls made by this side and what became of them
	Ran, RanAgain, RanTwice       int64 // calls run by this side, repeats of idempotent ones among them, and of others
	Sent, Acked                   int64 // messages published by this side
	Got, GotAgain, Dropped        int64 // messages delivered by this side, repeats among them, copies kept away
	Resumes, Replayed             int64 // of sessions, and bytes sent again by this side
	Last                          int64 // number of the message delivered last
}

func newLedger() *ledger {
	return &ledger{calls: make(map[int64]byte), runs: make(map[int64]int), unacked: make(map[int64]gantline.MessageID),
		messages: make(map[int64]int), ids: make(map[gantline.MessageID]bool)}
}

// openLedger continues the ledger in a file, or begins it.
func openLedger(path string) (*ledger, error) {
	l := newLedger()
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		err = l.load(f)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l.f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return l, err
}

func (l *ledger) load(f *os.File) error {
	s := bufio.NewScanner(f)
	for s.Scan() {
		kind, rest, _ := strings.Cut(s.Text(), " ")
		number, text, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || len(kind) != 1 {
			return fmt.Errorf("ledger %s: line %q is not one", f.Name(), s.Text())
		}
		id, _ := gantline.ParseMessageID(text) // most lines have none
		l.apply(kind[0], n, id)
	}
	return s.Err()
}

// write records one line.
func (l *ledger) write(kind byte, n int64, id gantline.MessageID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeLocked(kind, n, id)
}

func (l *ledger) writeLocked(kind byte, n int64, id gantline.MessageID) {
	if l.f != nil {
		line := fmt.Sprintf("%c %d\n", kind, n)
		if id != (gantline.MessageID{}) {
			line = fmt.Sprintf("%c %d %s\n", kind, n, id)
		}
		if _, err := l.f.WriteString(line); err != nil && l.failed == nil {
			l.failed = err
		}
	}
	l.apply(kind, n, id)
}

// apply is write without the file. The lock is held, or nobody else has the ledger yet.
func (l *ledger) apply(kind byte, n int64, id gantline.MessageID) {
	switch kind {
	case began:
		l.Calls++
		l.calls[n] = began
	case right, unknown, unsent:
		*map[byte]*int64{right: &l.Right, unknown: &l.Unknown, unsent: &l.Unsent}[kind]++
		l.calls[n] = kind
	case ran:
		l.Ran++
		switch l.runs[n]++; {
		case l.runs[n] == 1:
		case idempotent(n):
			l.RanAgain++
		default:
			l.RanTwice++
		}
	case sending:
		l.Sent++
		l.unacked[n] = id
	case acked:
		l.Acked++
		delete(l.unacked, n)
	case got:
		l.Got++
		if l.messages[n]++; l.messages[n] > 1 {
			l.GotAgain++
		}
		l.ids[id], l.Last = true, n
	case dropped:
		l.Dropped++
	case replay:
		l.Resumes++
		l.Replayed += n
	}
}

// sums returns the tallies as they are now.
func (l *ledger) sums() tallies {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tallies
}

// call begins the next call.
func (l *ledger) call() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = l.Calls + 1
	l.writeLocked(began, n, gantline.MessageID{})
	return n
}

// message begins the next message.
func (l *ledger) message() (n int64, id gantline.MessageID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, id = l.Sent+1, gantline.NewMessageID()
	l.writeLocked(sending, n, id)
	return n, id
}

// hand records a message that is delivered, and returns the number of the one before.
func (l *ledger) hand(n int64, id gantline.MessageID) (last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last = l.Last
	l.writeLocked(got, n, id)
	return last
}

// Seen implements gantline.Dedup.
func (l *ledger) Seen(id gantline.MessageID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids[id] {
		l.writeLocked(dropped, 0, gantline.MessageID{})
		return true
	}
	return false
}

// Add implements gantline.Dedup: hand has done it.
func (l *ledger) Add(gantline.MessageID) {}
