package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const (
	downFor  = 300 * time.Millisecond // between a kill and the next start
	startMax = 10 * time.Second       // for a start
	stopMax  = 10 * time.Second       // for an orderly end
)

// process is the server process: killed, and started again on its address.
type process struct {
	opt options
	dir string // where the ledger is

	mu     sync.Mutex // guards what follows
	cmd    *exec.Cmd  // nil = not running
	in     io.Closer  // its end ends the process
	gone   chan struct{}
	status serverStatus // last reported
	kills  int
}

func (p *process) ledgerPath() string { return filepath.Join(p.dir, "server.ledger") }

// start runs the server and waits until it listens.
func (p *process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	spec, err := json.Marshal(serverSpec{Addr: p.addr(), Ledger: p.ledgerPath(), Opt: p.opt})
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serverEnv+"="+string(spec))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the server process: %w", err)
	}
	p.mu.Lock()
	p.cmd, p.in, p.gone, p.status.State = cmd, in, make(chan struct{}), "starting"
	p.mu.Unlock()
	told := make(chan struct{})
	go p.listen(out, sync.OnceFunc(func() { close(told) }), p.gone)
	select {
	case <-told:
		return nil
	case <-p.gone:
		return errors.New("the server process ended at once; it has said why above")
	case <-time.After(startMax):
		p.kill()
		return fmt.Errorf("the server process did not listen within %v", startMax)
	}
}

// listen takes the process's reports until it ends.
func (p *process) listen(out io.Reader, told func(), gone chan struct{}) {
	defer close(gone)
	s := bufio.NewScanner(out)
	for s.Scan() {
		var st serverStatus
		if json.Unmarshal(s.Bytes(), &st) != nil {
			continue // torn by the kill
		}
		p.mu.Lock()
		p.status = st
		p.mu.Unlock()
		told()
	}
}

// addr is where the server listens; before the first start, any free port.
func (p *process) addr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status.Addr == "" {
		return "127.0.0.1:0"
	}
	return p.status.Addr
}

// now is the last report of the process.
func (p *process) now() (st serverStatus, pid, kills int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		pid = p.cmd.Process.Pid
	}
	return p.status, pid, p.kills
}

// kill is kill -9.
func (p *process) kill() {
	if cmd, gone := p.take(); cmd != nil {
		_ = cmd.Process.Kill()
		<-gone
		_ = cmd.Wait() // says that it was killed
	}
}

// stop ends the process in an orderly way.
func (p *process) stop() error {
	p.mu.Lock()
	in := p.in
	p.mu.Unlock()
	cmd, gone := p.take()
	if cmd == nil {
		return nil
	}
	_ = in.Close()
	late := time.AfterFunc(stopMax, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	<-gone
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the server process: %w", err)
	}
	return nil
}

// take makes the process one that does not run.
func (p *process) take() (cmd *exec.Cmd, gone chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd, p.cmd = p.cmd, nil
	return cmd, p.gone
}

// keepKilling kills the process again and again and restarts it, until ctx is done. The process runs when
// keepKilling returns, unless it could not be started.
func (p *process) keepKilling(ctx context.Context, every time.Duration) error {
	if every <= 0 {
		return nil
	}
	for {
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return nil
		}
		p.mu.Lock()
		p.kills++
		p.mu.Unlock()
		p.kill()
		time.Sleep(downFor)
		if err := p.start(); err != nil {
			return err
		}
	}
}
