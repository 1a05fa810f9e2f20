package frame

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite testdata from the vectors, and their copies in docs/PROTOCOL.md")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
