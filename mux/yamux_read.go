package mux

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/throttle"
)

// yamuxLastWord is how long the peer has to take the go away of a protocol error.
const yamuxLastWord = time.Second

// read is the reader goroutine. It never writes and never waits for the writer, but at its own end.
func (y *Yamux) read() {
	err := y.readFrames()
	flush, discard := y.readEnded(err)
	if flush {
		<-y.writerDone // closing: what the session still owes goes out first
	}
	cause := y.Err()
	why := error(cause)
	if y.cfg.OnEnd != nil {
		why = y.cfg.OnEnd(cause)
	}
	y.s.HandleClose(why)
	if discard { // else unread bytes may reset the connection before the peer has got the last word
		for buf := make([]byte, yamuxFirstBuffer); y.in.err == nil; {
			_, y.in.err = y.nc.Read(buf)
		}
	}
	<-y.writerDone
	l := y.l
	l.Lock()
	l.life.finished = true
	l.ping.beat.Stop()
	if l.life.killer != nil {
		l.life.killer.Stop()
	}
	l.Unlock()
	y.nc.Close()
	y.logEnd(cause)
	if y.cfg.OnClose != nil {
		y.cfg.OnClose(cause)
	}
	close(y.done)
}

// readEnded sets why the session ends when err has ended reading. flush says that the writer is at it after
// our own Close, discard that it is about to say a last word.
func (y *Yamux) readEnded(err error) (flush, discard bool) {
	var goAway *YamuxError
	l := y.l
	l.Lock()
	cut, leaving := l.life.cut, l.life.leaving
	if err == io.EOF && !cut && !leaving { // the peer has hung up; it may still read what is in the log
		y.causeLocked(&YamuxError{Kind: net.ErrClosed, Remote: true})
		y.goodbyeLocked(noGoAway, y.cfg.CloseTimeout)
	}
	l.Unlock()
	switch {
	case cut:
	case err == io.EOF:
		return leaving, false
	case errors.As(err, &goAway): // a go away that is no goodbye
		y.fail(goAway)
	case y.in.err != nil:
		y.fail(yamuxLost(err))
	default:
		y.accuse(err)
		return false, true
	}
	return false, false
}

func (y *Yamux) logEnd(cause error) {
	line := throttle.YamuxEnded
	if errors.Is(cause, ErrYamuxProtocol) {
		line = throttle.YamuxBroken
	}
	y.log.Say(line, "remote", y.nc.RemoteAddr(), "err", cause)
}

// readFrames handles frames until one cannot be read or breaks the protocol.
func (y *Yamux) readFrames() error {
	for {
		h, err := y.in.header()
		if err != nil {
			return err
		}
		y.framesIn.Add(1)
		switch h.kind {
		case yamuxPing:
			err = y.pinged(h)
		case yamuxGoAway:
			err = y.goAway(h)
		default:
			err = y.streamFrame(h)
		}
		if err != nil {
			return err
		}
	}
}

// hand gives the session one frame with the payload p, or with n bytes from the connection.
func (y *Yamux) hand(t frame.Type, flags frame.Flags, id uint32, p []byte, n int) error {
	y.feed.set(frame.Header{Type: t, Flags: flags, Length: uint32(n), ID: uint64(id)}, p)
	h, err := y.fr.Next()
	if err != nil {
		return err
	}
	if err := y.s.HandleFrame(h, y.fr); err != nil {
		return err
	}
	return y.fr.Skip()
}

func (y *Yamux) goAway(h yamuxHeader) error {
	switch h.length {
	case yamuxNormal:
		last := y.s.opens.nextID.Load()
		d := frame.Drain{LastID: max(last, 2) - 2, Text: "it sent a go away"} // what it did not serve it resets
		return y.hand(frame.TypeDrain, 0, 0, frame.AppendDrain(nil, &d), 0)
	case yamuxProtocolError:
		return &YamuxError{Kind: ErrYamuxProtocol, Remote: true}
	case yamuxInternalError:
		return &YamuxError{Kind: net.ErrClosed, Remote: true, Err: errors.New("internal error there")}
	}
	return &YamuxError{Kind: net.ErrClosed, Remote: true, Err: fmt.Errorf("go away with code %d", h.length)}
}

// streamFrame handles a data or window update frame. One frame may open a stream, carry bytes and end it.
func (y *Yamux) streamFrame(h yamuxHeader) error {
	n := 0 // payload bytes
	if h.kind == yamuxData {
		if n = int(h.length); h.length > y.maxFrame {
			return protocolError(uint64(h.id), "%d bytes in a frame are over the largest window of %d", h.length, y.maxFrame)
		}
	}
	if h.flags&yamuxSYN != 0 {
		if err := y.opened(h.id); err != nil {
			return err
		}
	}
	y.mu.Lock()
	st := y.streams[h.id]
	if st == nil || st.reset {
		y.mu.Unlock()
		if st == nil && !y.known(h.id) {
			return protocolError(uint64(h.id), "frame for a stream that was never opened")
		}
		if err := y.in.skip(n); err != nil || n > 0 {
			return err // data may be on its way: nobody answers a reset
		}
		return y.idle("a frame for a stream that has ended")
	}
	late := st.recvEnd && h.flags&yamuxRST == 0 && (n > 0 || h.flags&yamuxFIN != 0)
	confirm := st.own && !st.confirmed
	empty := !confirm && n == 0 && h.flags&(yamuxSYN|yamuxFIN|yamuxRST) == 0 && (h.kind == yamuxData || h.length == 0)
	st.confirmed = true
	stopped := st.stopped
	st.reset = h.flags&yamuxRST != 0
	if st.recvEnd = st.recvEnd || h.flags&(yamuxRST|yamuxFIN) != 0; st.recvEnd && st.sentEnd {
		y.dropLocked(h.id, st)
	}
	y.mu.Unlock()

	switch {
	case late:
		return protocolError(uint64(h.id), "data or FIN after FIN")
	case empty:
		return y.idle("an empty frame")
	case h.flags&yamuxRST != 0: // with libp2p's peers the length is an error code
		if err := y.in.skip(n); err != nil {
			return err
		}
		why := frame.Reset{Code: frame.Aborted}
		if h.kind == yamuxWindowUpdate && h.length > 0 {
			why.Text = fmt.Sprintf("code %d", h.length)
		}
		return y.hand(frame.TypeReset, 0, h.id, frame.AppendReset(nil, &why), 0)
	case confirm || h.kind == yamuxWindowUpdate && h.length > 0:
		if err := y.credited(h); err != nil {
			return err
		}
	}
	fin := h.flags&yamuxFIN != 0
	if stopped && n > 0 {
		if err := y.dropped(st, h.id, n); err != nil || !fin {
			return err
		}
		n = 0
	}
	if err := y.received(h.id, n, fin); err != nil || n == 0 || stopped {
		return err
	}
	y.giveBackIfStopped(st, h.id)
	return nil
}

// giveBackIfStopped gives back what has just come for a stream that was stopped meanwhile. The writer, which gave back
// the rest, may not have known of these bytes.
func (y *Yamux) giveBackIfStopped(e *yamuxStream, id uint32) {
	y.mu.Lock()
	stopped := e.stopped
	y.mu.Unlock()
	if !stopped {
		return
	}
	if due := y.s.windowBack(uint64(id)); due > 0 {
		if st, ok := y.s.lookup(uint64(id)).(*Stream); ok {
			st.flow.grantMore(int(due))
		}
	}
}

// known reports whether a stream of this id was opened, by either side. Ids too old to tell were.
func (y *Yamux) known(id uint32) bool {
	if y.s.mine(uint64(id)) {
		return uint64(id) < y.s.opens.nextID.Load()
	}
	return y.ids.look(id) != yamuxIDNew
}

// opened takes a SYN.
func (y *Yamux) opened(id uint32) error {
	if y.s.mine(uint64(id)) {
		return protocolError(uint64(id), "opened with an id of the wrong parity")
	}
	seen := y.ids.take(id)
	y.mu.Lock()
	_, open := y.streams[id]
	if open || seen == yamuxIDUsed {
		y.mu.Unlock()
		return protocolError(uint64(id), "opened twice")
	}
	y.streams[id] = &yamuxStream{}
	y.mu.Unlock()
	if seen == yamuxIDOld { // it may be a new one that was held up very long: its opener can try again
		return y.s.refuse(uint64(id), &frame.Open{}, false, frame.Unavailable, "")
	}
	return y.hand(frame.TypeOpen, 0, id, yamuxOpenPayload, 0)
}

var yamuxOpenPayload = frame.AppendOpen(nil, &frame.Open{Kind: frame.KindStream})

// credited takes more window for us. Even none shows that the peer knows the stream.
func (y *Yamux) credited(h yamuxHeader) error {
	n := uint32(0)
	if h.kind == yamuxWindowUpdate {
		n = h.length
	}
	if e := y.s.lookup(uint64(h.id)); e != nil && n > 0 {
		f := e.base()
		y.l.Lock()
		have := f.credit
		y.l.Unlock()
		if have+int64(n) > math.MaxUint32 {
			return protocolError(uint64(h.id), "window of %d + %d bytes does not fit into 32 bits", have, n)
		}
	}
	var p [4]byte
	return y.hand(frame.TypeCredit, 0, h.id, frame.AppendCredit(p[:0], n), 0)
}

// received gives n bytes from the connection to their stream, in frames as large as ours may be. All of them are
// checked against the window before the first is read.
func (y *Yamux) received(id uint32, n int, fin bool) error {
	if n == 0 && !fin {
		return nil
	}
	st, _ := y.s.lookup(uint64(id)).(*Stream)
	if st != nil {
		if err := st.admitYamux(n); err != nil {
			return err
		}
	}
	y.s.makeRoom(n, y.maxUnread)
	for {
		k := min(n, frame.DefaultMaxPayload)
		var flags frame.Flags
		if n -= k; n == 0 && fin {
			flags = frame.FlagFin
		} else if st != nil && st.windowPassed(k) {
			flags = frame.FlagBlocked
		}
		if err := y.hand(frame.TypeData, flags, id, nil, k); err != nil || n == 0 {
			return err
		}
	}
}
