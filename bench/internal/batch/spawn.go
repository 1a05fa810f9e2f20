package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

// grace is what a child may take beside warm-up and measuring: to start, connect and open what the scenario needs.
const grace = 60 * time.Second

// Spawn runs a plan in a child process. That is this program again, or the one of a nested module, which is
// built when it is first needed.
func Spawn(ctx context.Context, program string, p trial.Plan) trial.Report {
	exe, err := executable(ctx, program)
	if err != nil {
		return trial.Failed(err)
	}
	plan, err := json.Marshal(p)
	if err != nil {
		return trial.Failed(err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Warm+p.Time+grace)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), trial.PlanEnv+"="+string(plan))
	cmd.WaitDelay = time.Second
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err = cmd.Run()
	if ctx.Err() != nil {
		return trial.Failed(fmt.Errorf("not done after %v", p.Warm+p.Time+grace))
	}
	if err != nil {
		return trial.Failed(fmt.Errorf("%w: %s", err, shortened(diag.String())))
	}
	var r trial.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return trial.Failed(fmt.Errorf("its report cannot be read: %w", err))
	}
	return r
}

// shortened is the first lines of a child's output: of a panic they are the ones that matter.
func shortened(s string) string {
	const most = 400
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}

// programs are those that were built, by folder.
var programs struct {
	mu   sync.Mutex // guards the rest
	dir  string
	exes map[string]string
	errs map[string]error
}

// executable returns the program to start.
func executable(ctx context.Context, program string) (string, error) {
	if program == "" {
		return os.Executable()
	}
	p := &programs
	p.mu.Lock()
	defer p.mu.Unlock()
	if exe, ok := p.exes[program]; ok {
		return exe, p.errs[program]
	}
	if p.exes == nil {
		dir, err := os.MkdirTemp("", "gantline-bench-")
		if err != nil {
			return "", err
		}
		p.dir, p.exes, p.errs = dir, map[string]string{}, map[string]error{}
	}
	exe := filepath.Join(p.dir, program+".exe")
	p.exes[program], p.errs[program] = exe, build(ctx, program, exe)
	return exe, p.errs[program]
}

// build builds the nested module in the folder program below this module's.
func build(ctx context.Context, program, exe string) error {
	const module = "github.com/gantline-project/gantline/bench"
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return fmt.Errorf("bench: %s is built with the go command from inside the repository: %w", program, why(err))
	}
	fmt.Fprintf(os.Stderr, "building %s/%s\n", module, program)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", exe, ".")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(dir)), program)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("bench: build %s: %w: %s", program, err, shortened(string(out)))
	}
	return nil
}

// why adds the command's output to the error.
func why(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return errors.New(shortened(string(exit.Stderr)))
	}
	return err
}

// Tidy removes the programs that were built.
func Tidy() {
	programs.mu.Lock()
	defer programs.mu.Unlock()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	programs.dir, programs.exes, programs.errs = "", nil, nil
}
