// Package throttle writes the log of the core: every line there is, none of them too often or too long.
//
// # Usage
//
// A peer can cause most lines as often as it likes. So nobody else calls log/slog; a test of internal/house sees to that.
// Each kind of line is a Line, with its level and text:
//
//	log := throttle.New(cfg.Logger)
//	log.Say(throttle.CarrierLost, "peer", id, "err", err)
//	log.Panicked("handler", v, "peer", id) // within the deferred function that has recovered v
//
// After a burst of ten there is one line of a kind per second, and it says how many were left out. Values are cut to 256
// bytes and print on one line; a panic's value has 1 KiB, its stack 16 KiB.
//
// An End, and a listener with all of its Ends, have bounds of their own beside those of others. Shared makes them:
//
//	cfg.Logger = throttle.Shared(cfg.Logger) // whatever New makes of it is bounded together
//
// # Concurrency
//
// All methods may be called from any goroutine. The application's slog.Handler runs on the caller's, with no lock held.
//
// # Errors
//
// There are none. What the application's slog.Handler returns is dropped, as log/slog does.
package throttle
