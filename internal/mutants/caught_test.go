//go:build mutants

package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCaught: the named test fails on the mistake.
func TestCaught(t *testing.T) {
	for _, m := range all() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, err := m.run(t)
			var exit *exec.ExitError
			switch {
			case err == nil:
				t.Fatalf("the mutant lives: %s of %s passes with\n%s\n%s", m.test, m.pkg, m.edits[0].new, out)
			case !errors.As(err, &exit) || strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
				t.Fatalf("the mutant does not compile: %v\n%s", err, out)
			case !strings.Contains(out, "--- FAIL: "+m.test) && !strings.Contains(out, "panic: ") && !strings.Contains(out, "fatal error: "):
				t.Fatalf("%s did not fail but something else did: %v\n%s", m.test, err, out)
			}
			t.Logf("%s", firstLines(out))
		})
	}
}

// run runs the mutant's test against the mistake.
func (m *mutant) run(t *testing.T) (string, error) {
	dir := t.TempDir()
	path, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	j, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{changed: m.apply(t), overlay: j} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args := []string{"test", "-overlay", overlay, "-vet=off", "-short", "-count=1", "-timeout=20s", "-run", "^" + m.test + "$", "./" + m.pkg}
	cmd := exec.CommandContext(ctx, "go", append(args, m.flags...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// firstLines is enough to see what the test said.
func firstLines(out string) string {
	lines := strings.SplitN(out, "\n", 5)
	return strings.Join(lines[:min(len(lines), 4)], "\n")
}
