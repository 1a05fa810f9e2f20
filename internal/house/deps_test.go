package house

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// requires is the core's go.mod: what users of the module get, pinned. A new
// line here is a decision: say why in docs/decisions.
var requires = map[string]string{
	// The body codec of typed values, and what it needs.
	modMsgpack:                            "v5.4.1",
	"github.com/vmihailenco/tagparser/v2": "v2.0.0",
	// Backoff with full jitter for redialling.
	modBackoff: "v4.3.0",
	// Only for tests.
	modYamux:             "v0.1.2",
	"go.uber.org/goleak": "v1.3.0",
	"golang.org/x/net":   "v0.57.0", // newer ones ask for a newer Go than 1.25
}

// maxModules bounds the core's whole module graph, tests of dependencies included.
const maxModules = 25

// TestHouseRequirements compares go.mod with the table.
func TestHouseRequirements(t *testing.T) {
	var mod struct {
		Go      string
		Require []struct{ Path, Version string }
		Replace []any
	}
	if err := json.Unmarshal(goCommand(t, nil, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	if mod.Go != "1.25" && mod.Go != "1.25.0" {
		t.Errorf("go.mod says go %s, want 1.25: a newer one shuts users out", mod.Go)
	}
	if len(mod.Replace) != 0 {
		t.Errorf("go.mod has replace directives, which do not apply for users: %v", mod.Replace)
	}
	got := map[string]string{}
	for _, r := range mod.Require {
		got[r.Path] = r.Version
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if want, ok := requires[path]; !ok || want != got[path] {
			t.Errorf("go.mod requires %s %s, the table says %q", path, got[path], want)
		}
	}
	for path := range requires {
		if got[path] == "" {
			t.Errorf("go.mod does not require %s any more: take it out of the table", path)
		}
	}
}

// TestHouseModuleGraph keeps the graph that users download small.
func TestHouseModuleGraph(t *testing.T) {
	all := strings.Fields(string(goCommand(t, nil, "list", "-m", "-f", "{{.Path}}", "all")))
	if len(all) >= maxModules {
		t.Errorf("%d modules in the graph, want fewer than %d:\n%s", len(all), maxModules, strings.Join(all, "\n"))
	}
}

// TestHouseLinked: a program that uses the core links only these modules.
func TestHouseLinked(t *testing.T) {
	linked := []string{coreModule, modMsgpack, modBackoff, "github.com/vmihailenco/tagparser/v2"}
	out := goCommand(t, nil, "list", "-e", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".", "./client", "./server")
	for _, path := range slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out))))) {
		if !slices.Contains(linked, path) {
			t.Errorf("the core links %s, which is not on the list", path)
		}
	}
}
