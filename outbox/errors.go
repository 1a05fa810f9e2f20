package outbox

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/errs"
)

// prefix begins every printed error of the module, once.
const prefix = "gantline: "

var (
	// ErrFull says that a message would exceed Options.Limit or Options.PeerLimit. Its code is ResourceExhausted.
	ErrFull = errs.New(gantline.ResourceExhausted, "gantline: outbox is full")
	// ErrLocked says that another process, or another File, has the file open.
	ErrLocked = errs.New(gantline.Unknown, "gantline: outbox is open elsewhere")
	// ErrCorrupt says that the file is damaged where it was safe on the disk, or is no outbox.
	ErrCorrupt = errs.New(gantline.Unknown, "gantline: outbox is damaged")
	// ErrFailed says that an fsync failed, or a repair after a failed write: what the disk has is not known.
	ErrFailed = errs.New(gantline.Unknown, "gantline: outbox has failed")
)

// A TornError describes what Open found after the last complete record: what was being written at a crash. None
// of it was safe on the disk, so no Publish had returned because of it.
type TornError struct {
	Path   string // of the outbox
	Offset int64  // where it began
	Bytes  int64  // how long it was
	Aside  string // file that it was moved to
	Saved  int    // complete records found in it, which the outbox still has
}

// Error describes it in one line.
func (e *TornError) Error() string {
	return fmt.Sprintf("%soutbox %s: torn at offset %d: the last %d bytes were not written completely and are in %s now; %d records in them were saved", prefix, e.Path, e.Offset, e.Bytes, e.Aside, e.Saved)
}

// failure is an error in our own words that also is its cause.
type failure struct {
	text string
	is   []error
}

func (f *failure) Error() string { return prefix + f.text }

// Unwrap returns the causes, under one code.
func (f *failure) Unwrap() []error {
	return []error{errs.Seal(errs.Of(errors.Join(f.is...)), f.is...)}
}

// failf returns an error that is each of is.
func (f *File) failf(is []error, format string, args ...any) error {
	return &failure{"outbox " + f.path + ": " + fmt.Sprintf(format, args...), is}
}

// because returns an error about what the operating system said.
func (f *File) because(err error, format string, args ...any) error {
	is := []error{err}
	text := bare(err)
	if diskFull(err) {
		is = append(is, gantline.ResourceExhausted)
		text += ": make room on the disk"
	}
	return f.failf(is, "%s: %s", fmt.Sprintf(format, args...), text)
}

func (f *File) corrupt(at int64, format string, args ...any) error {
	return f.failf([]error{ErrCorrupt}, "damaged at offset %d: %s: nothing was touched; restore the file, or move it away to begin with an empty one", at, fmt.Sprintf(format, args...))
}

// closed is what a closed File answers.
func (f *File) closed() error { return f.failf([]error{os.ErrClosed}, "closed") }

// bare is err's text without our prefix.
func bare(err error) string { return strings.ReplaceAll(err.Error(), prefix, "") }

func invalid(format string, args ...any) error {
	return &gantline.Error{Code: gantline.InvalidArgument, Message: "outbox: " + fmt.Sprintf(format, args...)}
}
