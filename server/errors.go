package server

import (
	"fmt"
	"strings"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/errs"
)

// ErrServerClosed is what Server.Serve and Server.ListenAndServe return after
// Close or Shutdown.
var ErrServerClosed = errs.New(gantline.Unknown, "gantline: server closed")

const prefix = "gantline: "

// bare is an error whose text has lost our prefix, for use inside another one.
type bare struct{ error }

func (e bare) Error() string { return errs.Quoted(strings.TrimPrefix(e.error.Error(), prefix)) }
func (e bare) Unwrap() error { return e.error }

// errorf is fmt.Errorf with our prefix. The error has one code.
func errorf(format string, args ...any) error {
	return errs.Coded(fmt.Errorf(prefix+format, args...))
}

// refusal is what setup returns for a client that is not accepted. Its code and text reach the client as they
// are.
func refusal(code gantline.Code, format string, args ...any) error {
	return &conn.RefusedError{Code: code, Text: fmt.Sprintf(format, args...)}
}
