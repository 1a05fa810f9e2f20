//go:build amd64 || arm64

package chaos

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestPortIsKept: nobody else gets the proxy's port, neither while it listens nor in an outage.
func TestPortIsKept(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		p, err := Listen(addr, "127.0.0.1:1", nil)
		if err != nil {
			t.Logf("%s: %v", addr, err)
			continue
		}
		defer p.Close()
		taken := func() {
			t.Helper()
			ln, err := net.Listen("tcp", p.Addr())
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("Listen(%q) = %v, %v", p.Addr(), ln, err)
			}
		}
		dialed := func() error {
			nc, err := net.Dial("tcp", p.Addr())
			if err == nil {
				nc.Close()
			}
			return err
		}
		for range 3 {
			if taken(); errors.Is(dialed(), syscall.ECONNREFUSED) {
				t.Error("refused without an outage")
			}
			if _, err := p.Inject(MustFault("outage")); err != nil {
				t.Fatal(err)
			}
			taken()
			if err := dialed(); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("in an outage Dial says %v", err)
			}
			p.Heal()
			eventually(t, "it listens again", func() bool { return !errors.Is(dialed(), syscall.ECONNREFUSED) })
		}
		p.Close()
		ln, err := net.Listen("tcp", p.Addr())
		if err != nil {
			t.Fatalf("after Close: %v", err)
		}
		ln.Close()
	}
}
