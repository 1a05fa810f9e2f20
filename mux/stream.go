package mux

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// Stream is one flow-controlled stream of bytes in both directions. It is a net.Conn with half-close and reset.
//
// Several goroutines may use it at once. Writes are atomic: the bytes of one Write stand together.
type Stream struct {
	flow
	about        *about // nil when the opener said nothing
	accepted     bool   // send lock
	endAnnounced bool   // the acceptor knows of the end; send lock
	unsent       bool   // when the session ended no carrier had got the OPEN; send lock
	openPos      uint64 // where the log has the OPEN; send lock

	// Value is for the user of the package; set it before the stream is shared.
	Value any

	wdl  deadline      // send lock
	done chan struct{} // send lock; made by Done, closed when both directions have ended

	recv
}

// about is what an opener says of its stream. Plain streams have none, since a hundred thousand idle ones would be
// many bytes.
type about struct {
	name     string
	metadata []byte
	parent   uint64
	timeout  time.Duration
	deadline time.Time // of a timeout of ours
	codec    uint8
}

var nothing about

// opening returns what the opener said.
func (st *Stream) opening() *about {
	if st.about != nil {
		return st.about
	}
	return &nothing
}

// recv is a stream's receive side.
type recv struct {
	rmu   sync.Mutex // guards what follows
	rcond *sync.Cond // made by the first wait
	in    chunks
	rerr  error // what Read returns when in is empty: io.EOF, a reset, or why the session is gone
	rend  error // closed or reset here: returned at once, whatever is left
	rdl   deadline
	head  *frame.Head // the peer's trailer

	grant    int           // granted bytes the peer may still send
	window   int           // what is granted ahead of the reader, 0 until it reads
	reserved int           // of the session's stream budget
	earlyIn  int           // early bytes received so far
	held     int           // of those in the buffer, not released yet
	rated    int           // bytes received since rateFrom
	rateFrom time.Duration // since the session began, 0 = never
}

var _ net.Conn = (*Stream)(nil)

func (s *Session) newStream(id uint64, kind frame.Kind, own bool) *Stream {
	st := &Stream{}
	s.initFlow(&st.flow, id, kind, 0, 0, own)
	if n := s.cfg.InitialCredit; n > 0 {
		st.grant, st.window = n, n
	}
	return st
}

func (st *Stream) describe(o *Open) {
	st.depth = o.Depth
	if o.Name == "" && len(o.Metadata) == 0 && o.Parent == 0 && o.Timeout == 0 && o.Codec == 0 {
		return
	}
	st.about = &about{o.Name, append([]byte(nil), o.Metadata...), o.Parent, o.Timeout, deadlineOf(o.Timeout), o.Codec}
}

func (st *Stream) describeWire(o *frame.Open) {
	st.depth = o.Depth
	st.key = keyOf(o.Kind, o.Depth, o.Parent)
	if len(o.Name) == 0 && len(o.Metadata) == 0 && o.Parent == 0 && o.Timeout == 0 && o.Codec == 0 {
		return
	}
	st.about = &about{string(o.Name), append([]byte(nil), o.Metadata...), o.Parent, timeoutOf(o), time.Time{}, o.Codec}
}

// ID returns the stream's id: 0 for the first stream, odd when the dialling side opened it.
func (st *Stream) ID() uint64 { return st.id }

// Kind returns KindStream or KindStreamingCall.
func (st *Stream) Kind() frame.Kind { return st.kind }

// Name returns the name or method it was opened with.
func (st *Stream) Name() string { return st.opening().name }

// Metadata returns the encoded metadata it was opened with. Do not change it.
func (st *Stream) Metadata() []byte { return st.opening().metadata }

// Parent returns the id of the stream a streaming call is addressed to, 0 for the End.
func (st *Stream) Parent() uint64 { return st.opening().parent }

// Depth returns how many calls a streaming call is nested in.
func (st *Stream) Depth() uint8 { return st.depth }

// Codec returns the codec id a streaming call was opened with.
func (st *Stream) Codec() uint8 { return st.opening().codec }

// Timeout returns what the opener of a streaming call had left when it opened it; 0 means no deadline.
func (st *Stream) Timeout() time.Duration { return st.opening().timeout }

// Opened reports whether this side opened the stream.
func (st *Stream) Opened() bool { return st.own }

// LocalAddr returns a placeholder: the session does not know its carrier.
func (st *Stream) LocalAddr() net.Addr { return addr{} }

// RemoteAddr returns a placeholder: the session does not know its carrier.
func (st *Stream) RemoteAddr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "gantline" }

func (addr) String() string { return "stream" }

// Accept confirms to the opener that the application has taken the stream.
func (st *Stream) Accept() {
	s := st.s
	s.l.Lock()
	defer s.l.Unlock()
	if st.accepted || st.own {
		return
	}
	st.accepted = true
	if !st.sentEnd {
		st.confirm = true
		s.oweLocked(&st.flow, oweCredit)
		if st.stopped != nil { // handleStop has left it for now
			s.oweLocked(&st.flow, oweFin)
		}
	}
}

// Write sends p, and returns when all of p is in the link's log. It may have to wait for the peer to read (flow
// control) or for the log to drain. After an error n bytes of p were sent.
//
// Errors: net.ErrClosed (closed here, by the peer, or CloseWrite), os.ErrDeadlineExceeded, *StreamError
// after a reset, or why the session is gone.
func (st *Stream) Write(p []byte) (n int, err error) {
	return st.flow.write(context.Background(), p, false, nil, &st.wdl)
}

// Head returns the trailer the peer ended its direction with, nil before io.EOF or when there was none.
func (st *Stream) Head() *frame.Head {
	st.rmu.Lock()
	defer st.rmu.Unlock()
	return st.head
}

// SetDeadline sets both deadlines. The zero time means none; one that has passed wakes blocked calls.
func (st *Stream) SetDeadline(t time.Time) error {
	st.SetReadDeadline(t)
	return st.SetWriteDeadline(t)
}

// SetReadDeadline sets the time from which Read gives os.ErrDeadlineExceeded.
func (st *Stream) SetReadDeadline(t time.Time) error {
	st.rdl.set(t, &st.rmu, st.wakeReadersLocked)
	return nil
}

// SetWriteDeadline sets the time from which Write gives os.ErrDeadlineExceeded.
func (st *Stream) SetWriteDeadline(t time.Time) error {
	st.wdl.set(t, st.s.l, st.flow.wakeWritersLocked)
	return nil
}

// ReadFrom sends what r gives until io.EOF, through a pooled buffer.
func (st *Stream) ReadFrom(r io.Reader) (n int64, err error) {
	c := newChunk(64 << 10)
	defer c.free()
	for {
		k, rerr := r.Read(c.buf)
		if k > 0 {
			w, err := st.Write(c.buf[:k])
			n += int64(w)
			if err != nil {
				return n, err
			}
		}
		if rerr == io.EOF {
			return n, nil
		}
		if rerr != nil {
			return n, rerr
		}
	}
}
