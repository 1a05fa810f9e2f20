package batch

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

// misbehave is what this test's program does when it is started as a child.
func misbehave() int {
	return trial.Child(os.Stdout, map[string]trial.Runner{"t": func(p trial.Plan) trial.Report {
		switch p.Scenario {
		case "crash":
			panic("the sky fell")
		case "garbage":
			fmt.Println("what is this")
		case "failed":
			return trial.Failed(fmt.Errorf("gantline: no ports"))
		}
		return trial.Report{Version: trial.Version(""), Metrics: trial.Metrics{"rate": 7}}
	}})
}

// TestSpawn: a child's report is returned, and anything else that it does is a reason to fail.
func TestSpawn(t *testing.T) {
	for _, tc := range []struct{ table, scenario, failed string }{
		{"t", "well", ""},
		{"t", "crash", "the sky fell"},
		{"t", "garbage", "cannot be read"},
		{"t", "failed", "no ports"},
		{"other", "well", "no table"},
	} {
		t.Run(tc.table+" "+tc.scenario, func(t *testing.T) {
			r := Spawn(t.Context(), "", trial.Plan{Table: tc.table, Scenario: tc.scenario})
			if tc.failed == "" {
				if r.Failed != "" || r.Metrics["rate"] != 7 || !strings.HasPrefix(r.Version, "go") {
					t.Errorf("%+v", r)
				}
				return
			}
			if !strings.Contains(r.Failed, tc.failed) || strings.Contains(r.Failed, "gantline: no") {
				t.Errorf("%q, want %q", r.Failed, tc.failed)
			}
		})
	}
}

// TestBuildFails: a missing program is a reason to fail too, and nothing is left over.
func TestBuildFails(t *testing.T) {
	r := Spawn(t.Context(), "nowhere", trial.Plan{Table: "t"})
	if !strings.Contains(r.Failed, "nowhere") {
		t.Error(r.Failed)
	}
	dir := programs.dir
	Tidy()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error(dir, err)
	}
}
