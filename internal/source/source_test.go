package source

import (
	"net"
	"testing"
)

type addr string

func (a addr) Network() string { return "own" }
func (a addr) String() string  { return string(a) }

// TestOf: who counts as one source, and who as none.
func TestOf(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 7} }
	for _, tt := range []struct {
		name string
		addr net.Addr
		want string // "" = no source
	}{
		{"IPv4", tcp("192.0.2.7"), "192.0.2.7"},
		{"IPv4 in IPv6", addr("[::ffff:192.0.2.7]:1"), "192.0.2.7"},
		{"IPv6", tcp("2001:db8::1"), "2001:db8::"},
		{"the same network", tcp("2001:db8::ffff:1"), "2001:db8::"},
		{"the next network", tcp("2001:db8:0:1::1"), "2001:db8:0:1::"},
		{"a zone", addr("[fe80::1%eth0]:1"), "fe80::"},
		{"another type of address", addr("192.0.2.7:80"), "192.0.2.7"},
		{"loopback", tcp("127.0.0.5"), ""},
		{"loopback of IPv6", tcp("::1"), ""},
		{"loopback in IPv6", addr("[::ffff:127.0.0.1]:1"), ""},
		{"unix", &net.UnixAddr{Name: "/run/s", Net: "unix"}, ""},
		{"no IP", &net.TCPAddr{}, ""},
		{"a name", addr("server-client-3"), ""},
		{"none", nil, ""},
	} {
		got := ""
		if ip := Of(tt.addr); ip.IsValid() {
			got = ip.String()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
