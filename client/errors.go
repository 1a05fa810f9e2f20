package client

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/routes"
)

const prefix = "gantline: "

// A dialError says what happened at each address that was tried.
type dialError struct {
	texts []string
	errs  []error
}

func (e *dialError) add(t target, err error) {
	text := bare{err}.Error()
	if _, ok := err.(*net.OpError); !ok { // that one names the address itself, the resolved one
		text = fmt.Sprintf("dial %s %s: %s", t.network, errs.Quoted(t.addr), text)
	}
	e.texts = append(e.texts, text)
	e.errs = append(e.errs, err)
}

// merge adds what a race says of each address. It reports whether err is from one.
func (e *dialError) merge(err error) bool {
	var all *routes.Failed
	var one *dialError
	switch {
	case errors.As(err, &all):
		for _, err := range all.Errs {
			e.merge(err)
		}
	case errors.As(err, &one):
		e.texts, e.errs = append(e.texts, one.texts...), append(e.errs, one.errs...)
	default:
		return false
	}
	return true
}

// Error names every address with its reason.
func (e *dialError) Error() string {
	if len(e.texts) == 1 {
		return prefix + e.texts[0]
	}
	return fmt.Sprintf("%sno address of %d led to an End: %s", prefix, len(e.texts), strings.Join(e.texts, "; "))
}

// Unwrap returns the reason of every address, under one code: that of the first which has one.
func (e *dialError) Unwrap() []error {
	return []error{errs.Seal(errs.Of(errors.Join(e.errs...)), e.errs...)}
}

// bare is an error whose text has lost our prefix, for use inside another one.
type bare struct{ error }

func (e bare) Error() string { return errs.Quoted(strings.TrimPrefix(e.error.Error(), prefix)) }
func (e bare) Unwrap() error { return e.error }

// joined is why with what happened because of it.
type joined struct{ why, happened error }

func (e joined) Error() string   { return e.why.Error() + " (" + bare{e.happened}.Error() + ")" }
func (e joined) Unwrap() []error { return []error{e.why, e.happened} }
