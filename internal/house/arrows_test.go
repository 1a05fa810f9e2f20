package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// arrowRule says what a package may import besides the standard library: packages
// of this module by folder, "..." for all of them, others by import path.
type arrowRule struct {
	uses    []string
	inTests []string // in addition to uses and everyTest
	notStd  []string // parts of the standard library that it may not use, outside tests
}

// everyTest may be imported by all tests: packages that themselves are std only.
var everyTest = []string{"frame", "internal/memnet", "go.uber.org/goleak", "golang.org/x/net/nettest"}

const (
	modMsgpack = "github.com/vmihailenco/msgpack/v5"
	modBackoff = "github.com/cenkalti/backoff/v4"
	modYamux   = "github.com/hashicorp/yamux"
)

// arrows is docs/DESIGN.md's drawing as a table. A package without a line has no
// place in the house yet: give it one. A folder ending in "/" stands for all below it.
var arrows = map[string]arrowRule{
	"internal/memnet":   {},
	"frame":             {notStd: []string{"net", "time", "sync", "os", "context", "runtime", "syscall", "log"}},
	"internal/errs":     {uses: []string{"frame"}},
	"internal/throttle": {uses: []string{"internal/errs"}},
	"internal/oddity":   {uses: []string{"frame", "internal/errs"}},
	"conn":              {uses: []string{"frame", "internal/errs", "internal/inside", "internal/oddity", "internal/throttle"}},
	"mux":               {uses: []string{"frame", "internal/errs", "internal/oddity", "internal/throttle"}, inTests: []string{modYamux}},
	// The root's Pipe is a pair of Ends without a socket: memnet carries it.
	"internal/topic":      {uses: []string{"frame"}},
	"internal/codec":      {uses: []string{modMsgpack}},
	"internal/serial":     {},
	"internal/routes":     {},
	"internal/goid":       {},
	"internal/attack":     {inTests: []string{".", "client", "server", "frame"}},
	"internal/source":     {},
	"internal/inside":     {uses: []string{"internal/goid"}},
	"internal/claim":      {},
	"internal/suspended":  {},
	"internal/dedup":      {},
	"internal/inbox":      {},
	"internal/subscribe":  {uses: []string{"internal/inbox", "internal/topic"}},
	"internal/backlog":    {},
	"internal/work":       {},
	"internal/settle":     {uses: []string{"internal/claim", "internal/serial"}},
	"internal/methods":    {uses: []string{"frame", "internal/serial", "internal/work"}},
	"internal/msgio":      {},
	"internal/flight":     {uses: []string{"mux", "frame"}, inTests: []string{"conn"}},
	"internal/handlerctx": {uses: []string{"frame", "internal/sessions"}},
	"internal/sessions":   {uses: []string{"conn", "mux", "frame", "internal/errs", "internal/flight", "internal/routes", "internal/serial", "internal/inside", "internal/source", "internal/throttle", modBackoff}},
	".": {uses: []string{"conn", "mux", "frame", "internal/errs", "internal/memnet", "internal/sessions", "internal/topic", "internal/codec", "internal/serial",
		"internal/goid", "internal/inside", "internal/handlerctx", "internal/claim", "internal/dedup", "internal/inbox", "internal/subscribe", "internal/backlog", "internal/work", "internal/msgio", "internal/flight", "internal/methods", "internal/settle", "internal/source", "internal/suspended", "internal/throttle"}, inTests: []string{".", "client", "server", modYamux}},
	"client":            {uses: []string{".", "conn", "internal/errs", "internal/routes"}, inTests: []string{"client", "server"}},
	"server":            {uses: []string{".", "conn", "internal/errs", "internal/source", "internal/throttle"}, inTests: []string{"client", "server", modYamux}},
	"outbox":            {uses: []string{".", "internal/errs", "internal/throttle"}, inTests: []string{"client", "server"}},
	"internal/contract": {inTests: []string{".", "client", "server"}},
	"internal/mutants":  {},
	"internal/house":    {},
	"internal/sim":      {inTests: []string{".", "client", "server"}},
	"internal/vectors":  {inTests: []string{"conn", "mux", "."}},
	"internal/promise":  {inTests: []string{".", "client", "server"}},
	"chaos/":            {uses: []string{"..."}},
	"examples/":         {uses: []string{"..."}},
}

func ruleFor(rel string) (arrowRule, bool) {
	if r, ok := arrows[rel]; ok {
		return r, true
	}
	top, _, _ := strings.Cut(rel, "/")
	r, ok := arrows[top+"/"]
	return r, ok
}

// TestHouseArrows: imports go down only, on every system we build for.
func TestHouseArrows(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, p := range corePackages(t, goos) {
			rel := p.rel()
			r, ok := ruleFor(rel)
			if !ok {
				t.Errorf("package %s has no line in the table of arrows", rel)
				continue
			}
			for _, path := range p.Imports {
				if why := refusal(path, r.uses); why != "" {
					t.Errorf("%s (%s) imports %s: %s", rel, goos, path, why)
				}
				for _, std := range r.notStd {
					if path == std || strings.HasPrefix(path, std+"/") {
						t.Errorf("%s (%s) imports %s: it must do without %s", rel, goos, path, std)
					}
				}
			}
			// A test package imports the package that it tests.
			allowed := slices.Concat(r.uses, r.inTests, everyTest, []string{rel})
			for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
				if why := refusal(path, allowed); why != "" {
					t.Errorf("a test of %s (%s) imports %s: %s", rel, goos, path, why)
				}
			}
		}
	}
}

// refusal says why path is not among what is allowed, "" if it is.
func refusal(path string, allowed []string) string {
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return "" // the standard library
	}
	rel, ours := strings.CutPrefix(path, coreModule)
	switch rel = strings.TrimPrefix(rel, "/"); {
	case !ours:
		rel = path
	case rel == "":
		rel = "."
	}
	if slices.Contains(allowed, rel) || ours && slices.Contains(allowed, "...") {
		return ""
	}
	if ours {
		return "this arrow is not in the table"
	}
	return "not a dependency of this package"
}

// TestHouseFrameIsPassive: frame starts no goroutine and waits for none.
func TestHouseFrameIsPassive(t *testing.T) {
	fset := token.NewFileSet()
	for _, path := range goFiles(t) {
		if filepath.Dir(path) != "frame" || strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, readFile(t, path), parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
				t.Errorf("%s: frame uses no goroutine and no channel", fset.Position(n.Pos()))
			}
			return true
		})
	}
}
