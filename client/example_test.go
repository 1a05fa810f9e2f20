package client_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// newServer listens on a free port and answers "add".
func newServer() *server.Listener {
	var router gantline.Router
	gantline.Handle(&router, "add", func(_ context.Context, q [2]int) (int, error) { return q[0] + q[1], nil })
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{ID: "calculator", Router: &router}))
	check(err)
	return ln
}

func ExampleDial() {
	ln := newServer()
	defer ln.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	end, err := client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(gantline.Config{ID: "edge-7"}))
	check(err)
	defer end.Close()

	sum, err := gantline.Call[int](ctx, end, "add", [2]int{19, 23})
	fmt.Println(end.LocalID(), end.PeerID(), sum, err)
	// Output: edge-7 calculator 42 <nil>
}

// A Dialer is for those who dial often, or to several servers.
func ExampleDialer() {
	ln := newServer()
	defer ln.Close()

	d := client.Dialer{
		Config:  gantline.Config{ID: "edge-7"},
		Addrs:   []string{ln.Addr().String()}, // tried when the first one fails
		Timeout: 5 * time.Second,              // for each address
	}
	end, err := d.Dial(context.Background(), "tcp", "127.0.0.1:1")
	check(err)
	defer end.Close()
	fmt.Println(end.PeerID())
	// Output: calculator
}

// The connection may come from anywhere, such as a proxy.
func ExampleWithDialFunc() {
	ln := newServer()
	defer ln.Close()

	viaProxy := func(ctx context.Context, network, addr string) (net.Conn, error) {
		fmt.Println("dialling", network, addr)
		var d net.Dialer
		return d.DialContext(ctx, network, ln.Addr().String())
	}
	end, err := client.Dial(context.Background(), "tcp", "calculator.example:4210", client.WithDialFunc(viaProxy))
	check(err)
	defer end.Close()
	fmt.Println(end.PeerID())
	// Output:
	// dialling tcp calculator.example:4210
	// calculator
}

// Network "tls" verifies the server; WithTLS says whom to trust, and has the
// client's certificate if the server wants one.
func ExampleWithTLS() {
	cert, authorities := certificate()
	ln, err := server.Listen("tls", "127.0.0.1:0", server.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	check(err)
	defer ln.Close()

	end, err := client.Dial(context.Background(), "tls", ln.Addr().String(), client.WithTLS(&tls.Config{RootCAs: authorities}))
	check(err)
	defer end.Close()
	fmt.Println(end.State())
	// Output: up
}
