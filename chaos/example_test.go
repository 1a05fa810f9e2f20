package chaos_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/gantline-project/gantline/chaos"
)

// echo is a server for the examples.
func echo() net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				io.Copy(nc, nc)
			}()
		}
	}()
	return ln
}

// The first connection is reset after exactly five bytes of the answer; the second one works.
func ExampleListen() {
	server := echo()
	defer server.Close()
	p, err := chaos.Listen("127.0.0.1:0", server.Addr().String(), &chaos.Config{
		Rules: chaos.MustParse("rst@down:5#1"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for range 2 {
		nc, err := net.Dial("tcp", p.Addr())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Fprint(nc, "hello world")
		nc.(*net.TCPConn).CloseWrite()
		answer, err := io.ReadAll(nc)
		fmt.Printf("%q, reset: %v\n", answer, errors.Is(err, syscall.ECONNRESET))
		nc.Close()
	}
	// Output:
	// "hello", reset: true
	// "hello world", reset: false
}

// Faults can be injected into live connections.
func ExampleGroup_Inject() {
	server := echo()
	defer server.Close()
	p, err := chaos.Listen("127.0.0.1:0", server.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	nc, err := net.Dial("tcp", p.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	fmt.Fprint(nc, "a")
	io.ReadFull(nc, make([]byte, 1)) // now it is there

	n, err := p.Inject(chaos.MustFault("stall"))
	fmt.Println("stalled:", n, err)
	fmt.Println("healed:", p.Heal())
	fmt.Println("cut:", p.Cut(1))
	_, err = nc.Read(make([]byte, 1))
	fmt.Println("reset:", errors.Is(err, syscall.ECONNRESET))
	// Output:
	// stalled: 1 <nil>
	// healed: 1
	// cut: 1
	// reset: true
}

// A Conn does to a net.Conn of this process what a Proxy does between two.
func ExampleWrap() {
	server := echo()
	defer server.Close()
	nc, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := chaos.Wrap(nc, &chaos.Config{Rules: chaos.MustParse("half.down@down:3")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Group().Close()
	defer c.Close()
	fmt.Fprint(c, "hello")
	answer, err := io.ReadAll(c)
	fmt.Printf("%q, %v\n", answer, err)
	// Output: "hel", <nil>
}

func ExampleParseRule() {
	r, err := chaos.ParseRule("latency:20ms+-5ms@up:65536+1s#2-")
	fmt.Println(r, err)
	fmt.Println(r.Fault.Jitter, r.Trigger.At.Min, r.Conns.First)
	_, err = chaos.ParseRule("rst@upp:1000")
	fmt.Println(err)
	// Output:
	// latency:20ms+-5ms@up:64K+1s#2- <nil>
	// 5ms 65536 2
	// gantline: chaos: rule "rst@upp:1000": there is no trigger "upp": use up, down or both (bytes of a connection), total.up, total.down or total.both (of all), age (time of a connection), t (time), each also with .every, or every
}
