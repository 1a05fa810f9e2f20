package conn

// State is the state of a Link. The zero State is none.
type State uint8

// The states of a Link.
const (
	StateConnecting  State = iota + 1 // no carrier yet
	StateHandshaking                  // a carrier, the peer not verified yet
	StateUp                           // frames flow
	StateBroken                       // the carrier is gone
	StateDraining                     // what was appended is still delivered, then the goodbye
	StateClosed                       // ended for good
	lastState
)

var stateNames = [...]string{"none", "connecting", "handshaking", "up", "broken", "draining", "closed"}

// String returns a name for people, such as "broken".
func (s State) String() string {
	if s < lastState {
		return stateNames[s]
	}
	return "unknown state"
}

// An event moves a Link from state to state.
type event uint8

const (
	evCarrier    event = iota // a net.Conn is there
	evUp                      // the handshake is done
	evUpDraining              // the same, after a Close
	evDrain                   // Close was called
	evLost                    // the carrier broke
	evEnd                     // nothing will bring the link back
	lastEvent
)

var eventNames = [...]string{"carrier", "up", "up draining", "drain", "lost", "end"}

func (e event) String() string { return eventNames[e] }

// transitions is the table "Link" of docs/PROTOCOL.md: the next state by state
// and event, zero where the event cannot happen.
var transitions = [lastState][lastEvent]State{
	StateConnecting:  {evCarrier: StateHandshaking, evDrain: StateConnecting, evEnd: StateClosed},
	StateHandshaking: {evUp: StateUp, evUpDraining: StateDraining, evDrain: StateHandshaking, evLost: StateBroken, evEnd: StateClosed},
	StateUp:          {evDrain: StateDraining, evLost: StateBroken, evEnd: StateClosed},
	StateBroken:      {evCarrier: StateHandshaking, evDrain: StateBroken, evEnd: StateClosed},
	StateDraining:    {evDrain: StateDraining, evLost: StateBroken, evEnd: StateClosed},
}

// next returns the state after e, or s itself and false when e is illegal in s.
func (s State) next(e event) (State, bool) {
	if n := transitions[s][e]; n != 0 {
		return n, true
	}
	return s, false
}

// stateChanges is what Config.OnState is still to be called with. Guarded by the
// send lock.
type stateChanges struct {
	queue      []State
	delivering bool // somebody is in deliver
}

// eventLocked applies e; an illegal event changes nothing. The caller must call
// deliver when it has unlocked.
func (l *Link) eventLocked(e event) {
	s := l.State()
	n, ok := s.next(e)
	if !ok || n == s {
		return
	}
	l.life.state.Store(uint32(n))
	if l.cfg.OnState != nil {
		l.changes.queue = append(l.changes.queue, n)
	}
}

// event is eventLocked and deliver.
func (l *Link) event(e event) {
	l.mu.Lock()
	l.eventLocked(e)
	l.mu.Unlock()
	l.deliver()
}

// deliver calls Config.OnState for every change, in order and one at a time. If
// another goroutine is at it, that one makes the calls.
func (l *Link) deliver() {
	if l.cfg.OnState == nil {
		return
	}
	l.mu.Lock()
	if l.changes.delivering {
		l.mu.Unlock()
		return
	}
	l.changes.delivering = true
	for len(l.changes.queue) > 0 {
		s := l.changes.queue[0]
		l.changes.queue = l.changes.queue[1:]
		l.mu.Unlock()
		l.cfg.OnState(s)
		l.mu.Lock()
	}
	l.changes.delivering = false
	l.mu.Unlock()
}
