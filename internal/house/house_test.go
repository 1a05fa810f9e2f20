package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the rules share. See doc.go for the list.

// root is the folder of the repository.
const root = "../.."

const coreModule = "github.com/gantline-project/gantline"

// goPackage is what "go list -json" says about a package of this module.
type goPackage struct {
	ImportPath, Name, Dir              string
	Imports, TestImports, XTestImports []string
	TestGoFiles, XTestGoFiles          []string
}

// rel returns the package's folder from the root: "." for the root itself.
func (p *goPackage) rel() string {
	if p.ImportPath == coreModule {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, coreModule+"/")
}

// goCommand runs the go command outside the workspace, so that only the core's
// module counts, and returns what it printed.
func goCommand(t *testing.T, env []string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(string(exit.Stderr))
		}
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// corePackages lists the packages of the core's module as goos sees them.
func corePackages(t *testing.T, goos string) []*goPackage {
	t.Helper()
	out := goCommand(t, []string{"GOOS=" + goos}, "list", "-e", "-json", "./...")
	var pkgs []*goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(goPackage)
		if err := dec.Decode(p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// readFile returns a file of the repository, by its path from the root.
func readFile(t *testing.T, path string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// goFiles lists every Go file of the repository, nested modules included, by its slashed path from the root.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
