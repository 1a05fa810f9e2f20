package gantline_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gantline-project/gantline"
)

// Calls under way at the same time, without a goroutine for each.
func ExampleStream_Go() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()
	gantline.Handle(server, "square", func(_ context.Context, n int) (int, error) { return n * n, nil })

	var calls []*gantline.PendingCall
	for n := range 3 {
		body, _ := gantline.JSON.Append(nil, n)
		calls = append(calls, client.Go(context.Background(), "square", body, gantline.WithCodec(gantline.JSON)))
	}
	for _, c := range calls {
		answer, err := c.Wait(context.Background())
		fmt.Println(string(answer), err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 4 <nil>
}

// Notifies have no answer; they are handled one at a time, in their order.
func ExampleStream_Notify() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()
	last := make(chan struct{})
	server.Handle("log", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) {
		fmt.Println(string(req.Body))
		if string(req.Body) == "third" {
			close(last)
		}
		return nil, nil
	}))
	for _, line := range []string{"first", "second", "third"} {
		if err := client.Notify(context.Background(), "log", []byte(line)); err != nil {
			fmt.Println(err)
			return
		}
	}
	<-last
	// Output:
	// first
	// second
	// third
}

// Metadata travels both ways beside the bodies.
func ExampleReplyMetadata() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()
	server.Handle("whoami", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) {
		req.SetReplyMetadata(gantline.Metadata{"served-by": {"node-3"}})
		return []byte(req.Metadata.Get("user")), nil
	}))
	var back gantline.Metadata
	answer, err := client.Call(context.Background(), "whoami", nil,
		gantline.WithMetadata(gantline.Metadata{"user": {"ada"}}), gantline.ReplyMetadata(&back))
	fmt.Println(string(answer), back.Get("served-by"), err)
	// Output: ada node-3 <nil>
}

// Hooks tell what becomes of an End, in order.
func ExampleConfig() {
	states := make(chan gantline.State, 8)
	client, server := gantline.Pipe(&gantline.Config{
		ID:        "edge-7",
		Heartbeat: 5 * time.Second,
		Limits:    gantline.Limits{Streams: 100, Body: 1 << 20},
		OnState:   func(_ *gantline.End, s gantline.State) { states <- s },
	}, nil)
	defer server.Close()
	fmt.Println(server.PeerID(), <-states)
	client.Close()
	for s := range states {
		fmt.Println(s)
		if s == gantline.StateClosed {
			break
		}
	}
	// Output:
	// edge-7 up
	// draining
	// closed
}
