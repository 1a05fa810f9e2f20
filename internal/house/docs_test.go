package house

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// packageDoc is a package as documentation shows it.
type packageDoc struct {
	dir  string
	fset *token.FileSet
	*doc.Package
}

// corePackageDocs parses every package of the core's module from its source.
func corePackageDocs(t *testing.T) []packageDoc {
	t.Helper()
	dirs := map[string]bool{}
	for _, p := range corePackages(t, "linux") {
		dirs[p.rel()] = true
	}
	fset := token.NewFileSet()
	files := map[string][]*ast.File{}
	for _, name := range goFiles(t) {
		dir := path.Dir(name)
		if !dirs[dir] || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, readFile(t, name), parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files[dir] = append(files[dir], f)
	}
	var docs []packageDoc
	for dir, fs := range files {
		// The same name may be declared for several systems; each is checked.
		d, err := doc.NewFromFiles(fset, fs, path.Join(coreModule, dir))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, packageDoc{dir, fset, d})
	}
	slices.SortFunc(docs, func(a, b packageDoc) int { return strings.Compare(a.dir, b.dir) })
	return docs
}

// TestHousePackageComments: each package says how to use it, what may run at once, and how it fails.
// A program says how to run it.
func TestHousePackageComments(t *testing.T) {
	for _, d := range corePackageDocs(t) {
		sections := []string{"Usage", "Concurrency", "Errors"}
		if d.Name == "main" {
			sections = sections[:1]
		}
		var found []string
		for _, block := range d.Parser().Parse(d.Doc).Content {
			if h, ok := block.(*comment.Heading); ok {
				found = append(found, strings.TrimSpace(string(d.Printer().Text(&comment.Doc{Content: []comment.Block{&comment.Paragraph{Text: h.Text}}}))))
			}
		}
		for _, s := range sections {
			if !slices.Contains(found, s) {
				t.Errorf("package %s (%s): its comment has no section \"# %s\"", d.Name, d.dir, s)
			}
		}
	}
}

// TestHouseExportedComments: every exported name that users can reach is documented.
func TestHouseExportedComments(t *testing.T) {
	for _, d := range corePackageDocs(t) {
		if d.Name == "main" || strings.HasPrefix(d.dir, "internal/") || strings.HasPrefix(d.dir, "examples/") {
			continue
		}
		d.checkValues(t, d.Consts, d.Vars)
		d.checkFuncs(t, "", d.Funcs)
		for _, typ := range d.Types {
			if typ.Doc == "" {
				d.missing(t, typ.Decl, "type "+typ.Name)
			}
			d.checkValues(t, typ.Consts, typ.Vars)
			d.checkFuncs(t, "", typ.Funcs)
			d.checkFuncs(t, typ.Name+".", typ.Methods)
			d.checkMembers(t, typ)
		}
	}
}

func (d packageDoc) missing(t *testing.T, n ast.Node, what string) {
	t.Helper()
	t.Errorf("%s: %s has no comment", d.fset.Position(n.Pos()), what)
}

func (d packageDoc) checkFuncs(t *testing.T, recv string, funcs []*doc.Func) {
	t.Helper()
	for _, f := range funcs {
		if f.Doc == "" {
			d.missing(t, f.Decl, "func "+recv+f.Name)
		}
	}
}

// checkValues wants a comment on each constant and variable or on their group.
func (d packageDoc) checkValues(t *testing.T, groups ...[]*doc.Value) {
	t.Helper()
	for _, v := range slices.Concat(groups...) {
		if v.Doc != "" {
			continue
		}
		for _, spec := range v.Decl.Specs {
			s := spec.(*ast.ValueSpec)
			for _, name := range s.Names {
				if name.IsExported() && s.Doc == nil && s.Comment == nil {
					d.missing(t, name, name.Name)
				}
			}
		}
	}
}

// checkMembers wants a comment on each exported field and interface method. One
// comment may cover the fields that follow it without a blank line; a field also
// does without if the comment of the struct speaks of it, or if it has the name of
// its type ("Code Code").
func (d packageDoc) checkMembers(t *testing.T, typ *doc.Type) {
	t.Helper()
	spec, ok := typ.Decl.Specs[0].(*ast.TypeSpec)
	if !ok {
		return
	}
	var fields *ast.FieldList
	switch x := spec.Type.(type) {
	case *ast.StructType:
		fields = x.Fields
	case *ast.InterfaceType:
		fields = x.Methods
	default:
		return
	}
	covered, last := false, 0
	for _, f := range fields.List {
		first := d.fset.Position(f.Pos()).Line
		covered = f.Doc != nil || f.Comment != nil || covered && first == last+1
		last = d.fset.Position(f.End()).Line
		for _, name := range f.Names { // embedded ones have none: their type is documented
			same := typeName(f.Type) == name.Name
			spoken := strings.Contains(strings.ToLower(typ.Doc), strings.ToLower(name.Name))
			if name.IsExported() && !covered && !same && !spoken {
				d.missing(t, name, fmt.Sprintf("%s.%s", typ.Name, name.Name))
			}
		}
	}
}

// typeName returns "Code" for Code and frame.Code.
func typeName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}
