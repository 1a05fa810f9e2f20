package sessions

import (
	"context"
	"net"

	"github.com/gantline-project/gantline/internal/routes"
)

// Hint is what is known about the next connection. Config.Redial finds it in its context.
type Hint struct {
	Addr string   // where the last server has sent us, "" = nowhere
	Home net.Addr // where the last carrier led of the session that is to be resumed; nil for a fresh one
}

type hintKey struct{}

// HintOf returns the Hint in ctx.
func HintOf(ctx context.Context) Hint {
	h, _ := ctx.Value(hintKey{}).(Hint)
	return h
}

// withHint also lets Config.Redial return a *routes.Set.
func withHint(ctx context.Context, h Hint) context.Context {
	return routes.Want(context.WithValue(ctx, hintKey{}, h))
}
