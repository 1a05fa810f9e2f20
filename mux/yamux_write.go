package mux

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// yamuxWritePiece is the most that a connection gets at once if it may be slow inside (TLS, a tunnel). So
	// each Write shows progress.
	yamuxWritePiece = 64 << 10
	// yamuxLastID is where opening ends: more ids are left than opens fit into a log.
	yamuxLastID = 1<<32 - 1<<18
)

// write is the writer goroutine: it takes what the session has to say, translates it and writes it out.
func (y *Yamux) write() {
	l := y.l
	var control []byte
	var batch []yamuxPiece
	defer close(y.writerDone)
	defer func() {
		l.Lock()
		batch = l.takeLocked(batch)
		l.life.writerGone = true
		l.Unlock()
		freeYamuxPieces(batch)
	}()
	for {
		l.Lock()
		for !l.wake && !l.life.cut {
			l.cond.Wait()
		}
		if l.life.cut {
			l.Unlock()
			return
		}
		l.wake = false
		hungry := y.s.Fill()
		batch = l.takeLocked(batch)
		control = l.controlLocked(control[:0])
		last := l.life.closing && (l.life.mute || !hungry && len(batch) == 0)
		if last && l.life.word != noGoAway && !(l.life.word == yamuxNormal && y.away) {
			control = appendYamux(control, yamuxHeader{kind: yamuxGoAway, length: l.life.word})
		}
		mute, taken := l.life.mute, l.log.taken
		l.wake = l.wake || len(batch) > 0 // there may be room for more then
		l.Unlock()
		if mute {
			freeYamuxPieces(batch)
			batch = batch[:0]
		}
		if err := y.flush(control, batch); err != nil {
			y.fail(err)
			return
		}
		freeYamuxPieces(batch)
		batch = batch[:0]
		y.flushed(taken)
		if last {
			y.hangUp()
			return
		}
	}
}

// flush translates and writes a batch.
func (y *Yamux) flush(control []byte, batch []yamuxPiece) *YamuxError {
	y.mu.Lock()
	for i, p := range batch {
		batch[i].n = y.translateLocked(p.buf[:p.n])
	}
	y.mu.Unlock()
	if err := y.writeAll(control); err != nil {
		return err
	}
	for _, p := range batch {
		if err := y.writeAll(p.buf[:p.n]); err != nil {
			return err
		}
	}
	return nil
}

// writeAll writes b. It fails when the connection takes no byte of it for the flush timeout.
func (y *Yamux) writeAll(b []byte) *YamuxError {
	whole := false
	switch y.nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		whole = true // a timeout does no harm to what was taken
	}
	for len(b) > 0 {
		p := b
		if !whole {
			p = b[:min(len(b), yamuxWritePiece)]
		}
		y.nc.SetWriteDeadline(time.Now().Add(y.cfg.FlushTimeout))
		n, err := y.nc.Write(p)
		b = b[n:]
		y.bytesOut.Add(uint64(n))
		if err == nil || n > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return yamuxStalled(y.cfg.FlushTimeout)
		}
		return yamuxLost(err)
	}
	return nil
}

// flushed records that everything up to the log position taken is out.
func (y *Yamux) flushed(taken uint64) {
	l := y.l
	l.Lock()
	defer l.Unlock()
	l.log.written = taken
	for _, id := range y.resets { // yamux does not answer a reset: it ends both directions
		if e := y.s.lookup(id); e != nil {
			y.s.endRecvLocked(e.base())
		}
	}
	y.resets = y.resets[:0]
	if y.spent && y.s.life.drained == nil {
		y.s.life.drained = errYamuxIDs
		y.s.opens.confirmWait.wakeAll()
		y.s.opens.slots.wakeAll()
	}
}

// hangUp ends the write side, when everything is said.
func (y *Yamux) hangUp() {
	if c, ok := y.nc.(interface{ CloseWrite() error }); ok {
		c.CloseWrite() // when it fails, reading does too
		return
	}
	y.l.Lock()
	y.l.life.cut = true
	y.l.Unlock()
	y.nc.Close()
}

// translateLocked turns the frames of ours in b into yamux frames, in place. None of them grows. It returns how
// many bytes they take. y.mu held; writer goroutine.
func (y *Yamux) translateLocked(b []byte) int {
	w := 0
	var st *yamuxStream
	var stID uint64
	for r := 0; r < len(b); {
		h, err := frame.ParseHeader(b[r:])
		if err != nil {
			break // not reached: the log holds whole frames
		}
		p := b[r+frame.HeaderLen : r+frame.HeaderLen+int(h.Length)]
		r += frame.HeaderLen + len(p)
		if h.Type == frame.TypeOpen {
			st = &yamuxStream{own: true, acked: true}
			y.streams[uint32(h.ID)] = st
			y.spent = y.spent || h.ID >= yamuxLastID
		} else if h.ID != stID {
			st = y.streams[uint32(h.ID)]
		}
		stID = h.ID
		out, send := y.frameLocked(st, h, p)
		if !send {
			continue
		}
		putYamux(b[w:], out) // on top of a header of ours, or of what came after it
		w += yamuxHeaderLen
		if out.kind == yamuxData {
			if w < r-len(p) {
				copy(b[w:], p)
			}
			w += len(p)
		}
	}
	return w
}

// frameLocked returns the yamux frame for h with the payload p; send is false when there is none.
func (y *Yamux) frameLocked(st *yamuxStream, h frame.Header, p []byte) (out yamuxHeader, send bool) {
	if h.Type == frame.TypeDrain {
		y.away = true
		return yamuxHeader{kind: yamuxGoAway, length: yamuxNormal}, true
	}
	if st == nil {
		return out, false // ended by a reset meanwhile
	}
	out = yamuxHeader{kind: yamuxWindowUpdate, id: uint32(h.ID)}
	fin := h.Flags&frame.FlagFin != 0
	switch h.Type {
	case frame.TypeOpen:
		out.flags, send = yamuxSYN, true
	case frame.TypeData: // with FIN always empty: hashicorp's reader may see the end before bytes of its frame
		if send = len(p) > 0 || fin; len(p) > 0 {
			out.kind, out.length = yamuxData, uint32(len(p))
		}
	case frame.TypeCredit:
		n, _ := frame.ParseCredit(p)
		out.length, send = n, n > 0 || !st.acked
	case frame.TypeStop:
		st.stopped = true
		out.length = y.s.windowBack(h.ID)
		send = out.length > 0
	case frame.TypeReset:
		y.resets = append(y.resets, h.ID)
		st.sentEnd, st.recvEnd = true, true
		out.flags, send = yamuxRST, true
	}
	if fin {
		out.flags |= yamuxFIN
		st.sentEnd = true
	}
	if st.stopped && st.sentEnd && st.closedAt == 0 {
		st.closedAt = y.now()
	}
	if st.reset {
		send = false // the peer is done with the stream
	}
	if send && !st.acked && h.Type != frame.TypeReset {
		out.flags |= yamuxACK
		st.acked = true
	}
	if st.sentEnd && st.recvEnd {
		y.dropLocked(out.id, st)
	}
	return out, send
}
