package conn

import "github.com/gantline-project/gantline/frame"

// departLocked says goodbye for a Close before Start. The peer has been welcomed, or
// is about to be, and would take a bare end for a broken carrier. No frame is taken
// any more. While the handshake goes on, its end does the rest.
func (l *Link) departLocked() {
	l.bye.due = true
	l.bye.deaf.Store(true)
	l.endInLocked(lingerTimeout)
	if !l.life.ready || l.life.ended {
		return
	}
	c := l.carrier()
	l.life.running, l.life.departed = true, true
	l.handler = noHandler{}
	c.lastRead.Store(l.now())
	close(l.life.started)
	go l.write(c)                          // stopped by finish
	go l.user.on.Run(func() { l.read(c) }) // stopped by the end of the carrier; calls finish
}

// noHandler stands for the Handler until Start brings it. Only HandleClose is called
// when BYE is due; the Handler gets it from Start if it comes later.
type noHandler struct{}

func (noHandler) HandleFrame(frame.Header, *frame.Reader) error { return nil }
func (noHandler) HandleReleased([frame.Groups]uint64) error     { return nil }
func (noHandler) Fill() bool                                    { return false }
func (noHandler) HandleClose(error)                             {}
