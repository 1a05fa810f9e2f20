package trial

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

// PlanEnv is the variable of the environment that makes a program a child: it has the Plan in JSON.
const PlanEnv = "GANTLINE_BENCH_PLAN"

// Runner runs the plans of one table.
type Runner func(Plan) Report

// IsChild reports whether this process was started to measure.
func IsChild() bool { return os.Getenv(PlanEnv) != "" }

// Child runs the plan in the environment. It writes the report to w as one line and returns the exit code.
func Child(w io.Writer, runners map[string]Runner) int {
	var p Plan
	if err := json.Unmarshal([]byte(os.Getenv(PlanEnv)), &p); err != nil {
		fmt.Fprintf(os.Stderr, "gantline: bench: the plan in %s is not one: %v\n", PlanEnv, err)
		return 2
	}
	run := runners[p.Table]
	if run == nil {
		fmt.Fprintf(os.Stderr, "gantline: bench: this program has no table %q\n", p.Table)
		return 2
	}
	if err := json.NewEncoder(w).Encode(run(p)); err != nil {
		fmt.Fprintf(os.Stderr, "gantline: bench: the report: %v\n", err)
		return 1
	}
	return 0
}

// Failed is the report of a measurement that could not be made.
func Failed(err error) Report { return Report{Failed: strings.TrimPrefix(err.Error(), "gantline: ")} }

// Version returns the version of a module that this program was built with. It is "go1.x" for the standard
// library (module ""), and "devel" for one built from its folder.
func Version(module string) string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case !ok:
		return "unknown"
	case module == "":
		return info.GoVersion
	}
	for _, dep := range append(info.Deps, &info.Main) {
		if dep.Path != module {
			continue
		}
		if dep.Replace != nil || dep.Version == "(devel)" || strings.HasPrefix(dep.Version, "v0.0.0") {
			return "devel"
		}
		return dep.Version
	}
	return "unknown"
}
