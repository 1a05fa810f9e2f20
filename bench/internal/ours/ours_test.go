package ours

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEffective: the measured Config is the zero value, and any other is refused by name.
func TestEffective(t *testing.T) {
	if s, err := Effective(); err != nil || !strings.Contains(s, "gantline.Config{}") {
		t.Errorf("%q, %v", s, err)
	}
	for field, cfg := range map[string]gantline.Config{
		"Config.Heartbeat": {Heartbeat: 1},
		"Config.Limits":    {Limits: gantline.Limits{Log: 1}},
		"Config.Setup":     {Setup: func(*gantline.End) error { return nil }},
	} {
		if _, err := describe(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
