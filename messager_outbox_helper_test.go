package gantline

import (
	"errors"
	"slices"
	"sync"
)

// memoryBox is an Outbox that lives as long as the test, and fails when it is told to.
type memoryBox struct {
	mu       sync.Mutex // guards what follows
	kept     map[string][]*KeptMessage
	keeps    int
	keepErr  error
	leaveErr error         // of Forget
	readErr  error         // of Pending
	hold     chan struct{} // if not nil, Forget waits until it is closed
}

func newMemoryBox() *memoryBox { return &memoryBox{kept: make(map[string][]*KeptMessage)} }

func (b *memoryBox) Keep(peer string, m *KeptMessage) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.keepErr != nil {
		return b.keepErr
	}
	b.keeps++
	if !slices.ContainsFunc(b.kept[peer], func(k *KeptMessage) bool { return k.ID == m.ID }) {
		own := *m
		own.Body, own.Metadata = slices.Clone(m.Body), m.Metadata.Clone()
		b.kept[peer] = append(b.kept[peer], &own)
	}
	return nil
}

func (b *memoryBox) Forget(peer string, ids ...MessageID) error {
	b.mu.Lock()
	hold := b.hold
	b.mu.Unlock()
	if hold != nil {
		<-hold
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leaveErr != nil {
		return b.leaveErr
	}
	b.kept[peer] = slices.DeleteFunc(b.kept[peer], func(k *KeptMessage) bool { return slices.Contains(ids, k.ID) })
	return nil
}

func (b *memoryBox) Pending(peer string) ([]*KeptMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.readErr != nil {
		return nil, b.readErr
	}
	return slices.Clone(b.kept[peer]), nil
}

// texts lists the bodies kept for peer.
func (b *memoryBox) texts(peer string) (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.kept[peer] {
		all = append(all, string(m.Body))
	}
	return all
}

// set changes the box.
func (b *memoryBox) set(f func(b *memoryBox)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

// put keeps messages as an earlier End would have.
func (b *memoryBox) put(peer string, bodies ...string) {
	for _, body := range bodies {
		_ = b.Keep(peer, &KeptMessage{ID: NewMessageID(), Topic: "t", Body: []byte(body)})
	}
}

var errBox = errors.New("gantline: the disk is on fire")

// answers notes what OnKept is told.
type answers struct {
	mu  sync.Mutex // guards all
	all []string
}

func (a *answers) hook(_ *End, m *KeptMessage, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := string(m.Body)
	if err != nil {
		text += ": " + cleanText(err)
	}
	a.all = append(a.all, text)
}

func (a *answers) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	got := a.all
	a.all = nil
	return got
}
