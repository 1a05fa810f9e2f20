package gantline

import (
	"context"
	"reflect"
	"sync"
)

// holders are the Ends of this process that use an Outbox for a peer. Two at a time would publish each other's messages,
// and forget what the wrong server has acked.
var holders = struct {
	sync.Mutex // guards of, and the Ends' holding
	of         map[holding]*holder
}{of: make(map[holding]*holder)}

// holding is the use of an Outbox for a peer.
type holding struct {
	box  Outbox
	peer string
}

// holder is an End that has a holding, until it is over and has noted what was answered.
type holder struct {
	e    *End
	what holding
	gone chan struct{} // closed then
}

// holdOutbox makes e the one that uses its Outbox for peer, behind an End that has it and is over. While that lives it
// calls busy, and waits only if that returns nil. ctx ends the wait.
func (e *End) holdOutbox(ctx context.Context, peer string, busy func() error) error {
	what := holding{e.cfg.Outbox, peer}
	if !reflect.ValueOf(what.box).Comparable() {
		return nil // it may be any other's
	}
	own := &holder{e, what, make(chan struct{})}
	for asked := false; ; {
		holders.Lock()
		h := holders.of[what]
		if h == nil {
			holders.of[what], e.messager().holds = own, own
		}
		holders.Unlock()
		if h == nil {
			return nil
		}
		if !asked && h.e.ctx.Err() == nil && !h.e.line.Closing() {
			if err := busy(); err != nil {
				return err
			}
			asked = true
		}
		select {
		case <-h.gone:
		case <-ctx.Done():
			return contextError(ctx, "")
		}
	}
}

// leaveOutbox lets another End have it.
func (e *End) leaveOutbox() {
	holders.Lock()
	defer holders.Unlock()
	if h := e.messager().holds; h != nil {
		delete(holders.of, h.what)
		close(h.gone)
		e.messager().holds = nil
	}
}

// errOutboxInUse refuses a second End.
var errOutboxInUse = errorf(FailedPrecondition, "Config.Outbox is in use by another End: close that first, or give each client End an outbox of its own")
