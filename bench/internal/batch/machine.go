package batch

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine is where the bench ran.
type Machine struct {
	OS, Arch, CPU, Kernel, Go string
	Cores                     int
	// Revision is the commit that was measured, with "+" if the files differed from it; "" = not known.
	Revision string
	// LoadBefore and LoadAfter are the load averages over 1, 5 and 15 minutes.
	LoadBefore, LoadAfter string
}

func thisMachine(ctx context.Context) Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Cores: runtime.NumCPU(),
		CPU: cpuModel(), Kernel: firstLine("/proc/sys/kernel/osrelease"), Revision: revision(ctx), LoadBefore: load(),
	}
}

// load returns the load averages, "unknown" where the system does not report them.
func load() string {
	f := strings.Fields(firstLine("/proc/loadavg"))
	if len(f) < 3 {
		return "unknown"
	}
	return strings.Join(f[:3], " ")
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return strings.TrimSpace(string(line))
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// revision asks git, if there is one.
func revision(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return ""
	}
	rev := strings.TrimSpace(string(out))
	if out, err = exec.CommandContext(ctx, "git", "status", "--porcelain", "-uno").Output(); err == nil && len(out) > 0 {
		rev += "+"
	}
	return rev
}
