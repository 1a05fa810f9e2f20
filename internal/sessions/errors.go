package sessions

import (
	"errors"
	"strings"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// refusedForGood ends a Line whose session was lost and that gets no other. The refusal is an answer to this client, as
// that of a first dial is, so its code is the error's.
type refusedForGood struct{ refusal *conn.RefusedError }

func (e *refusedForGood) Error() string {
	return "gantline: session lost, and the server wants no new one: " + strings.ReplaceAll(e.refusal.Error(), "gantline: ", "")
}

func (e *refusedForGood) Unwrap() error {
	return errs.Seal(e.refusal.Code, conn.ErrSessionLost, e.refusal)
}

// LateAck says what becomes of a message whose ack comes after the end of its session. err is that end, client whether this
// side dialled. A server that does not know the session at all was restarted.
func LateAck(err error, client bool) string {
	var refused *conn.RefusedError
	switch {
	case !errors.Is(err, conn.ErrSessionLost):
		return strings.ReplaceAll(err.Error(), "gantline: ", "")
	case !client:
		return "the session is lost, and the client will publish the message again if it still has it"
	case errors.As(err, &refused) && refused.Code == frame.NotFound && !refused.HasPosition:
		return "the server was restarted and will publish the message again if it has kept it"
	}
	return "the session is lost, and the server will publish the message again if it has kept it"
}
