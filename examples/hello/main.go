// Command hello is the program of the README: a server calls the client that dialled it.
//
// # Usage
//
//	go run ./examples/hello
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

func main() {
	ctx := context.Background()
	var router gantline.Router
	gantline.Handle(&router, "greet", func(_ context.Context, who string) (string, error) { return "hello " + who, nil })
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	check(err)
	_, err = client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(gantline.Config{Router: &router}))
	check(err)
	end, err := ln.AcceptEnd(ctx)
	check(err)
	fmt.Println(gantline.Call[string](ctx, end, "greet", "sailor")) // the server calls the client
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
