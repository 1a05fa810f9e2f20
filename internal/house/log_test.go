package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// logRoom is the only package that writes lines of the log.
const logRoom = "internal/throttle"

// logMethods are those of slog.Logger, and functions of slog, that write one.
var logMethods = map[string]bool{
	"Debug": true, "Info": true, "Warn": true, "Error": true, "Log": true, "LogAttrs": true,
	"DebugContext": true, "InfoContext": true, "WarnContext": true, "ErrorContext": true,
}

// TestHouseLogs: a peer can cause most lines of the log as often as it likes. So all of them go through one room, which
// throttles and cuts them, and each of its lines is said somewhere.
func TestHouseLogs(t *testing.T) {
	dirs := map[string]bool{}
	for _, p := range corePackages(t, "linux") {
		dirs[p.rel()] = true
	}
	fset := token.NewFileSet()
	said := map[string]bool{}
	var lines []string
	for _, path := range goFiles(t) {
		dir := filepath.ToSlash(filepath.Dir(path))
		if !dirs[dir] || isTestFile(path) || underDir(path, "examples", "chaos", "internal/inside") {
			continue
		}
		f, err := parser.ParseFile(fset, path, readFile(t, path), parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if dir == logRoom {
			lines = append(lines, constantsOf(f, "Line")...)
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				switch {
				case !ok:
				case x.Name == "throttle":
					said[n.Sel.Name] = true
				case x.Name == "slog" && n.Sel.Name != "Logger" && n.Sel.Name != "Default":
					t.Errorf("%s: slog.%s: only %s makes loggers and writes to them", fset.Position(n.Pos()), n.Sel.Name, logRoom)
				}
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || !logMethods[sel.Sel.Name] || len(n.Args) == 0 || isNamed(sel.X, "math") {
					return true
				}
				t.Errorf("%s: %s writes a line of its own: add a Line to %s and Say it", fset.Position(n.Pos()), sel.Sel.Name, logRoom)
			case *ast.ImportSpec:
				if p, _ := strconv.Unquote(n.Path.Value); p == "log" {
					t.Errorf("%s: imports log", fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
	if len(lines) < 20 {
		t.Fatalf("found %d lines in %s", len(lines), logRoom)
	}
	for _, l := range lines {
		if !said[l] && l != "AppPanicked" { // Panicked says it
			t.Errorf("%s.%s: nobody says it", logRoom, l)
		}
	}
}

func isNamed(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// constantsOf returns the exported constants of a block whose first one has the type.
func constantsOf(f *ast.File, typ string) (names []string) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		of := false
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if v.Type != nil {
				of = isNamed(v.Type, typ)
			}
			for _, n := range v.Names {
				if of && ast.IsExported(n.Name) && !strings.HasPrefix(n.Name, "_") {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}
