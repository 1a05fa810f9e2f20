package vectors

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write testdata/sessions")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
