package conn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestByeInsideFrame ends a link that has half of a frame. The position in its BYE is final: either the frame counts,
// or the handler never gets it. A peer that gets a lower position would do again what was done.
func TestByeInsideFrame(t *testing.T) {
	for name, end := range map[string]func(l *Link){
		"Close": func(l *Link) { go l.Close(context.Background(), frame.OK, "") },
		"Fail":  func(l *Link) { l.Fail(errors.New("a rule")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, tap, p := scripted(t, nil)
				p.settle()
				one := data(2, make([]byte, 20<<10))
				p.send(one[:10<<10])
				synctest.Wait()
				end(l)
				synctest.Wait()
				p.send(one[10<<10:])
				var b frame.Bye
				for {
					h, body := p.next()
					if h.Type == frame.TypeBye {
						b, _ = frame.ParseBye(body)
						break
					}
				}
				synctest.Wait()
				if n := len(tap.got()); b.Position != uint64(n*len(one)) {
					t.Errorf("BYE with position %d, but %d frames of %d bytes were handed over", b.Position, n, len(one))
				}
				p.bye(frame.OK, "", 0)
				<-l.Done()
			})
		})
	}
}
