package gantline

import (
	"context"
	"errors"

	"github.com/gantline-project/gantline/conn"
)

// migrate is Migrate.
func (e *End) migrate(ctx context.Context) error {
	if e.plain {
		return unsupported("Migrate", "")
	}
	if !e.line.Renews() {
		return errorf(FailedPrecondition, "Migrate needs Config.Redial on the dialling side")
	}
	if err := e.mayWait(ctx, "Migrate", ""); err != nil {
		return err
	}
	s := e.session()
	nc, err := e.cfg.Redial(ctx)
	if err != nil {
		return err
	}
	err = s.Native.Migrate(ctx, nc)
	if errors.Is(err, conn.ErrNotBroken) {
		if e.State() == StateUp {
			return errorf(FailedPrecondition, "Migrate: another one is under way")
		}
		return errorf(FailedPrecondition, "Migrate: the End is %v, not up", e.State())
	}
	return err
}
