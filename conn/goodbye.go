package conn

import "github.com/gantline-project/gantline/frame"

// Goodbye is e as the DRAIN of a side that ends a session with it. With an address or a wait, and no code, the code is
// Unavailable: come again.
func (e *RefusedError) Goodbye() frame.Drain {
	d := frame.Drain{Code: e.Code, RetryAfter: millis(e.RetryAfter), Text: e.Text, Addr: e.Addr}
	if d.Code == frame.OK && (d.Addr != "" || d.RetryAfter > 0) {
		d.Code = frame.Unavailable
	}
	return d
}
