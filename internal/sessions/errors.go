package sessions

import (
	"strings"

	"github.com/gantline-project/gantline/conn"
)

// refusedForGood ends a Line whose session was lost and that gets no other.
type refusedForGood struct{ refusal *conn.RefusedError }

func (e *refusedForGood) Error() string {
	return "gantline: session lost, and the server wants no new one: " + strings.ReplaceAll(e.refusal.Error(), "gantline: ", "")
}

func (e *refusedForGood) Unwrap() []error { return []error{conn.ErrSessionLost, e.refusal} }
