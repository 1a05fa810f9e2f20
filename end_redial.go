package gantline

import (
	"context"
	"errors"
	"net"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/sessions"
)

// Redialing tells a Config.Redial of its own, which got ctx, what the End knows about the next connection. addr is
// where the last server asked has sent the client, "" = nowhere in particular; a dial that fails there is not
// repeated. home is where the last carrier of the session that is to be resumed led: no other server can. It is nil
// when a fresh session is to begin. Package client goes by both.
func Redialing(ctx context.Context) (addr string, home net.Addr) {
	h := sessions.HintOf(ctx)
	return h.Addr, h.Home
}

// Migrate moves the End to a new carrier, dialled with Config.Redial, before the old one breaks: from one
// network to another, or off a proxy that is about to stop. Streams, calls and messages go on and nobody is
// told. ctx bounds the dial and the handshake.
//
// Errors: ctx's, the dial's, FailedPrecondition on an End that cannot redial or is not up and where waiting is
// impossible (Setup, Inline handlers), why the End is over, ErrUnsupported with a yamux peer. When the old carrier was
// given up and the new one failed, the End is broken and redials as after any other loss.
func (e *End) Migrate(ctx context.Context) error {
	if e.plain {
		return unsupported("Migrate", "")
	}
	if !e.line.Renews() {
		return errorf(FailedPrecondition, "Migrate needs Config.Redial on the dialling side")
	}
	if err := e.mayWait(ctx, "Migrate", ""); err != nil {
		return err
	}
	s := e.session()
	nc, err := e.cfg.Redial(ctx)
	if err != nil {
		return err
	}
	err = s.Native.Migrate(ctx, nc)
	if errors.Is(err, conn.ErrNotBroken) {
		if e.State() == StateUp {
			return errorf(FailedPrecondition, "Migrate: another one is under way")
		}
		return errorf(FailedPrecondition, "Migrate: the End is %v, not up", e.State())
	}
	return err
}
