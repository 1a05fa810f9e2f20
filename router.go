package gantline

import "sync/atomic"

// Router holds handlers and subscriptions that many Ends share: set Config.Router. The zero value is ready.
// It may be changed while Ends use it; a change counts for calls that arrive afterwards.
//
// An End looks for a method among its own handlers, then in its Router, then takes its own fallback, then the
// Router's. Handlers of other streams are looked for on the stream only.
//
// Handle, HandleStream, Fallback and Use concern calls, Subscribe messages.
type Router struct {
	calls, messages atomic.Value // what the rooms keep of it, made when it is first used
}
