package house

import (
	"bytes"
	"encoding/json"
	"errors"
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

// Limits of the root as a whole. The knot is the largest set of files each of which reaches each other by the names
// that it uses: who changes one of them has to think of all.
const (
	maxRootFiles = 50
	maxRootLines = 6500
	maxRootFile  = 300 // lines of one file
	maxKnot      = 25
)

// A room is known by the first word of a file's name. A file without one of these is for all rooms.
var rooms = []string{"end", "stream", "rpc", "messager"}

func roomOf(file string) string {
	first, _, _ := strings.Cut(strings.TrimSuffix(file, ".go"), "_")
	if slices.Contains(rooms, first) {
		return first
	}
	return ""
}

// roomArrows says which rooms may name which others. The end's assembly, which makes an End of its rooms and hands them
// what comes in, is apart: nothing but the doors names it.
var roomArrows = map[string][]string{
	"":         {"end", "stream", "rpc", "messager"}, // Config, Router and options speak of all
	"end":      {"", "stream"},
	"assembly": {"", "end", "stream", "rpc", "messager"},
	"stream":   {"", "end"},
	"rpc":      {"", "end", "stream"},
	"messager": {"", "end", "stream"},
}

// assembly are the files of the end's room that may name rpc and messager.
var assembly = []string{"end_accept.go", "end_dial.go"}

// faces and doors export; the other files of a room do not, but for the endings in exporting.
var (
	doors     = []string{"end.go", "stream.go", "rpc.go", "messager.go", "end_dial.go", "end_sessions.go", "messager_id.go", "messager_outbox.go"}
	exporting = []string{"_options.go", "_router.go", "_typed.go"}
)

// TestHouseRooms: who opens the root finds the room for a change by the names of the files, and a change in one room
// stays there.
func TestHouseRooms(t *testing.T) {
	r := loadRoot(t)
	uses := r.uses()
	k, pairs, lines := knot(uses), 0, 0
	for _, from := range slices.Sorted(maps.Keys(uses)) {
		n := bytes.Count(readFile(t, from), []byte("\n"))
		lines += n
		if n > maxRootFile {
			t.Errorf("%s has %d lines, at most %d in the root: split it by concern, or move what needs no End below", from, n, maxRootFile)
		}
		for _, to := range slices.Sorted(maps.Keys(uses[from])) {
			if from < to && uses[to][from] != nil {
				pairs++
			}
			a, b := roomOf(from), roomOf(to)
			if slices.Contains(assembly, from) {
				a = "assembly"
			}
			if roomOf(from) != b && !slices.Contains(roomArrows[a], b) {
				t.Errorf("%s names %v of %s: the room %q may not know %q", from, uses[from][to], to, a, b)
			}
		}
	}
	t.Logf("%d files with %d lines, %d pairs of files that use each other, a knot of %d: %v", len(uses), lines, pairs, len(k), k)
	if len(uses) > maxRootFiles || lines > maxRootLines {
		t.Errorf("the root has %d files and %d lines, at most %d and %d: what needs no End belongs below it", len(uses), lines, maxRootFiles, maxRootLines)
	}
	if len(k) > maxKnot {
		t.Errorf("%d files of the root reach each other, at most %d: %v", len(k), maxKnot, k)
	}
}

// TestHouseFaces: what users see stands in the faces of the rooms.
func TestHouseFaces(t *testing.T) {
	for name, f := range loadRoot(t).files {
		if roomOf(name) == "" || slices.Contains(doors, name) || slices.ContainsFunc(exporting, func(end string) bool { return strings.HasSuffix(name, end) }) {
			continue
		}
		for _, n := range exported(f) {
			t.Errorf("%s exports %s: it belongs into %s.go, the face of the room", name, n, roomOf(name))
		}
	}
}

// exported lists the names that f adds to the package's documentation.
func exported(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			recv := ""
			if d.Recv != nil {
				recv = receiver(d.Recv.List[0].Type)
				if !ast.IsExported(recv) {
					continue
				}
				recv += "."
			}
			if d.Name.IsExported() {
				names = append(names, recv+d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() {
						names = append(names, s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.IsExported() {
							names = append(names, n.Name)
						}
					}
				}
			}
		}
	}
	return names
}

// receiver returns "T" for T, *T and T[A].
func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	}
	return ""
}
