package gantline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"

	"github.com/gantline-project/gantline"
)

// Either side handles and either side calls.
func Example() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()

	client.Handle("name", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
		return []byte("edge-7"), nil
	}))
	server.Handle("hello", gantline.HandlerFunc(func(ctx context.Context, req *gantline.Request) ([]byte, error) {
		name, err := gantline.FromContext(ctx).Call(ctx, "name", nil) // ask the caller back
		return append(req.Body, name...), err
	}))
	answer, err := client.Call(context.Background(), "hello", []byte("hello "))
	fmt.Println(string(answer), err)
	// Output: hello edge-7 <nil>
}

// A server made of a net.Conn that a listener accepted, and its client.
func ExampleServer() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		end, err := gantline.Server(context.Background(), nc, &gantline.Config{
			Setup: func(e *gantline.End) error {
				gantline.Handle(e, "shout", func(_ context.Context, s string) (string, error) { return s + "!", nil })
				return nil
			},
		})
		if err == nil {
			<-end.Context().Done()
		}
	}()

	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	end, err := gantline.Client(context.Background(), nc, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()
	fmt.Println(gantline.Call[string](context.Background(), end, "shout", "hello"))
	// Output: hello! <nil>
}

// A stream is a net.Conn.
func ExampleEnd_OpenStream() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()

	go func() {
		st, err := client.OpenStream(context.Background(), gantline.WithName("greeting"))
		if err == nil {
			fmt.Fprint(st, "hello over a stream")
			st.Close()
		}
	}()
	st, err := server.AcceptStream(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := io.ReadAll(st)
	fmt.Println(st.Name(), string(text), err)
	// Output: greeting hello over a stream <nil>
}

// The dialling side serves HTTP to the side it dialled.
func ExampleEnd_Listener() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()

	go http.Serve(client.Listener(""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s", r.URL.Path)
	}))
	hc := &http.Client{Transport: &http.Transport{DialContext: server.DialContext}}
	resp, err := hc.Get("http://edge-7/status")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: you asked for /status <nil>
}

// One declaration is the contract between both sides.
func ExampleMethod() {
	type query struct{ A, B int }
	const sum gantline.Method[query, int] = "math.sum"

	router := new(gantline.Router)
	sum.Handle(router, func(_ context.Context, q query) (int, error) { return q.A + q.B, nil })
	client, server := gantline.Pipe(nil, &gantline.Config{Router: router})
	defer server.Close()
	defer client.Close()
	fmt.Println(sum.Call(context.Background(), client, query{1, 2}))
	// Output: 3 <nil>
}

// Errors keep their code on the way.
func ExampleCodeOf() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()

	server.Handle("user", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) {
		return nil, fmt.Errorf("user %s: %w", req.Body, gantline.NotFound)
	}))
	_, err := client.Call(context.Background(), "user", []byte("5"))
	fmt.Println(err)
	fmt.Println(gantline.CodeOf(err) == gantline.NotFound, errors.Is(err, gantline.NotFound))
	// Output:
	// gantline: "user": peer answered not found: user 5: not found
	// true true
}

// One request, many answers.
func ExampleEach() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()

	gantline.HandleEach(server, "count", func(_ context.Context, n int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := 0; i < n && yield(i, nil); i++ {
			}
		}
	})
	for i, err := range gantline.Each[int](context.Background(), client, "count", 3) {
		fmt.Println(i, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 2 <nil>
}

// Middleware sees every call before its body is decoded.
func ExampleRouter_Use() {
	router := new(gantline.Router)
	router.Use(func(next gantline.Handler) gantline.Handler {
		return gantline.HandlerFunc(func(ctx context.Context, req *gantline.Request) ([]byte, error) {
			if req.Metadata.Get("token") != "secret" {
				return nil, gantline.Unauthenticated
			}
			return next.ServeCall(ctx, req)
		})
	})
	gantline.Handle(router, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	client, server := gantline.Pipe(nil, &gantline.Config{Router: router})
	defer server.Close()
	defer client.Close()

	ctx := context.Background()
	_, err := gantline.Call[int](ctx, client, "double", 4)
	fmt.Println(err)
	fmt.Println(gantline.Call[int](ctx, client, "double", 4, gantline.WithMetadata(gantline.Metadata{"token": {"secret"}})))
	// Output:
	// gantline: "double": peer answered unauthenticated
	// 8 <nil>
}
