package outbox

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/gantline-project/gantline"
)

// TestErrorCodes: each error of an outbox has one code, and its causes are found.
func TestErrorCodes(t *testing.T) {
	f := &File{path: "p"}
	for name, row := range map[string]struct {
		err  error
		code gantline.Code
		is   error
	}{
		"ErrFull":    {ErrFull, gantline.ResourceExhausted, ErrFull},
		"ErrLocked":  {ErrLocked, gantline.Unknown, ErrLocked},
		"ErrCorrupt": {ErrCorrupt, gantline.Unknown, ErrCorrupt},
		"ErrFailed":  {ErrFailed, gantline.Unknown, ErrFailed},
		"full":       {f.failf([]error{ErrFull, gantline.ResourceExhausted}, "full"), gantline.ResourceExhausted, ErrFull},
		"disk full":  {f.because(&os.PathError{Op: "write", Err: syscall.ENOSPC}, "write"), gantline.ResourceExhausted, syscall.ENOSPC},
		"disk":       {f.because(&os.PathError{Op: "write", Err: syscall.EIO}, "write"), gantline.Unknown, syscall.EIO},
		"corrupt":    {f.corrupt(7, "x"), gantline.Unknown, ErrCorrupt},
		"closed":     {f.closed(), gantline.Unknown, os.ErrClosed},
		"invalid":    {invalid("x"), gantline.InvalidArgument, gantline.InvalidArgument},
	} {
		if got := gantline.CodeOf(row.err); got != row.code || !errors.Is(row.err, row.is) {
			t.Errorf("%s: code %v, want %v: %v", name, got.Name(), row.code.Name(), row.err)
		}
		for code := gantline.OK; code <= gantline.Unauthenticated; code++ {
			if errors.Is(row.err, code) != (code == row.code) {
				t.Errorf("%s: errors.Is(err, %v) = %v: %v", name, code.Name(), code != row.code, row.err)
			}
		}
	}
}
