package conn

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/internal/memnet"
)

// joined is an error that cannot be compared, as those of some wrappers of connections.
type joined []error

func (j joined) Error() string { return "the tunnel broke" }

type oddConn struct{ net.Conn }

func (c oddConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		err = joined{err}
	}
	return n, err
}

// TestOddReadError: whatever a net.Conn returns, its end is the end of the carrier and no fault of the peer's.
func TestOddReadError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		c, s := shake(t, oddConn{a}, b, nil, nil)
		ct := newTap()
		c.Start(ct)
		s.Start(newTap())
		synctest.Wait()
		a.Cut()
		if err := ct.wantClose(t); !errors.Is(err, ErrSessionLost) {
			t.Errorf("closed with %v", err)
		}
		abort(c, s)
	})
}
