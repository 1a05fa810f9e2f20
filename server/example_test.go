package server_test

import (
	"context"
	"fmt"
	"io"
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

// A listener hands out Ends; here the server calls the client.
func ExampleListen() {
	ctx := context.Background()
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()

	var router gantline.Router
	gantline.Handle(&router, "greet", func(_ context.Context, who string) (string, error) { return "hello " + who, nil })
	edge, err := client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(gantline.Config{Router: &router}))
	check(err)
	defer edge.Close()

	end, err := ln.AcceptEnd(ctx)
	check(err)
	fmt.Println(gantline.Call[string](ctx, end, "greet", "sailor"))
	// Output: hello sailor <nil>
}

// A server sends back what arrives on the first stream of each End.
func ExampleServer() {
	ctx := context.Background()
	srv := &server.Server{Handler: func(end *gantline.End) { io.Copy(end, end) }}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	served := make(chan error)
	go func() { served <- srv.Serve(ln) }() // or srv.ListenAndServe("tcp", ":4210")

	end, err := client.Dial(ctx, "tcp", ln.Addr().String())
	check(err)
	defer end.Close()
	_, err = io.WriteString(end, "ahoy")
	check(err)
	check(end.CloseWrite())
	answer, err := io.ReadAll(end)
	fmt.Println(string(answer), err)

	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	fmt.Println(srv.Shutdown(ctx), <-served)
	// Output:
	// ahoy <nil>
	// <nil> gantline: server closed
}

// Setup registers handlers before the client's first call is processed, and may refuse the client.
func ExampleWithConfig() {
	ctx := context.Background()
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{
		Setup: func(end *gantline.End) error {
			if end.PeerID() == "flying dutchman" {
				return &gantline.Error{Code: gantline.PermissionDenied, Message: "not in this harbour"}
			}
			gantline.Handle(end, "whoami", func(context.Context, struct{}) (string, error) { return end.PeerID(), nil })
			return nil
		},
	}))
	check(err)
	defer ln.Close()

	for _, id := range []string{"cutty sark", "flying dutchman"} {
		end, err := client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(gantline.Config{ID: id}))
		if err != nil {
			fmt.Println(gantline.CodeOf(err))
			continue
		}
		fmt.Println(gantline.Call[string](ctx, end, "whoami", struct{}{}))
		check(end.Close())
	}
	// Output:
	// cutty sark <nil>
	// gantline: permission denied
}

// Closing an End disconnects its peer.
func ExampleListener_End() {
	ctx := context.Background()
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	end, err := client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(gantline.Config{ID: "edge-7"}))
	check(err)

	for e := range ln.Ends() {
		fmt.Println(e.PeerID())
	}
	check(ln.End("edge-7").Close())
	<-end.Context().Done()
	fmt.Println(ln.End("edge-7") == nil)
	// Output:
	// edge-7
	// true
}
