package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rootPackage is the root with its types.
type rootPackage struct {
	fset  *token.FileSet
	files map[string]*ast.File // by name, tests left out
	pkg   *types.Package
	info  *types.Info
}

// loadRoot type-checks the root from its source, and what it imports from what the compiler has exported.
func loadRoot(t *testing.T) *rootPackage {
	t.Helper()
	exports := map[string]string{}
	out := goCommand(t, nil, "list", "-deps", "-export", "-json=ImportPath,Export,GoFiles,Dir", ".")
	r := &rootPackage{fset: token.NewFileSet(), files: map[string]*ast.File{}}
	var list []*ast.File
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Export string
			GoFiles            []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.ImportPath != coreModule {
			continue
		}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(r.fset, name, readFile(t, name), parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			r.files[name] = f
			list = append(list, f)
		}
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	conf := types.Config{Importer: importer.ForCompiler(r.fset, "gc", lookup)}
	r.info = &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	pkg, err := conf.Check(coreModule, r.fset, list, r.info)
	if err != nil {
		t.Fatal(err)
	}
	r.pkg = pkg
	return r
}

// uses returns, for each file, the files whose names it uses, and which names.
func (r *rootPackage) uses() map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for name := range r.files {
		all[name] = map[string][]string{}
	}
	for id, obj := range r.info.Uses {
		if obj.Pkg() != r.pkg || !obj.Pos().IsValid() {
			continue
		}
		if v, ok := obj.(*types.Var); ok && v.IsField() && v.Anonymous() {
			continue // the type says it
		}
		from, to := filepath.Base(r.fset.Position(id.Pos()).Filename), filepath.Base(r.fset.Position(obj.Pos()).Filename)
		if from != to && !slices.Contains(all[from][to], obj.Name()) {
			all[from][to] = append(all[from][to], obj.Name())
		}
	}
	return all
}

// knot returns the largest set of files each of which reaches each other.
func knot(uses map[string]map[string][]string) []string {
	reach := func(from string) map[string]bool {
		seen, todo := map[string]bool{}, []string{from}
		for len(todo) > 0 {
			f := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for to := range uses[f] {
				if !seen[to] {
					seen[to] = true
					todo = append(todo, to)
				}
			}
		}
		return seen
	}
	reached := map[string]map[string]bool{}
	for f := range uses {
		reached[f] = reach(f)
	}
	var largest []string
	for f := range uses {
		var k []string
		for g := range reached[f] {
			if reached[g][f] {
				k = append(k, g)
			}
		}
		if len(k) > len(largest) {
			largest = k
		}
	}
	slices.Sort(largest)
	return largest
}

func TestHouseRooms(t *testing.T) {
	r := loadRoot(t)
	uses := r.uses()
	k := knot(uses)
	t.Logf("knot of %d: %v", len(k), k)
	pairs := 0
	for a := range uses {
		for b := range uses[a] {
			if a < b && uses[b][a] != nil {
				pairs++
			}
		}
	}
	t.Logf("%d files, %d pairs", len(uses), pairs)
	for _, a := range k {
		for _, b := range slices.Sorted(maps.Keys(uses[a])) {
			if slices.Contains(k, b) {
				t.Log(fmt.Sprint(a, " -> ", b, " ", uses[a][b]))
			}
		}
	}
}
