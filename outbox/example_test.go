package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/outbox"
	"github.com/gantline-project/gantline/server"
)

// A message that was not acked when the client went down is published again by the next one.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "box")
	ctx := context.Background()

	file, err := outbox.Open(path, nil)
	if err != nil {
		panic(err)
	}
	client, server := gantline.Pipe(&gantline.Config{Outbox: file}, nil)
	p, err := client.PublishAsync(ctx, "orders.new", []byte("two coffees"))
	fmt.Println("published:", err)
	client.Close() // before it reaches a subscription
	<-p.Done()
	fmt.Println("kept:", errors.Is(p.Err(), gantline.ErrKept))
	server.Close()
	file.Close()

	file, err = outbox.Open(path, nil) // another process, perhaps
	if err != nil {
		panic(err)
	}
	defer file.Close()
	answered := make(chan error)
	client, server = gantline.Pipe(&gantline.Config{Outbox: file, OnKept: func(_ *gantline.End, m *gantline.KeptMessage, err error) {
		answered <- err
	}}, nil)
	defer server.Close()
	defer client.Close()
	m, err := server.Receive(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("received: %s, redelivered %v\n", m.Body, m.Redelivered)
	m.Ack()
	fmt.Println("answered:", <-answered)
	fmt.Println("still kept for:", file.Peers())
	// Output:
	// published: <nil>
	// kept: true
	// received: two coffees, redelivered true
	// answered: <nil>
	// still kept for: []
}

// A server keeps a message for a client that is away. It is sent when the client connects.
func ExampleFile_Keep() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file, err := outbox.Open(filepath.Join(dir, "box"), nil)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	answered := make(chan error)
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{
		Outbox: file,
		OnKept: func(_ *gantline.End, _ *gantline.KeptMessage, err error) { answered <- err },
	}))
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	ctx := context.Background()

	m := &gantline.KeptMessage{ID: gantline.NewMessageID(), Topic: "news", Body: []byte("release 2 is out"), At: time.Now()}
	if err := file.Keep("device-7", m); err != nil {
		panic(err)
	}
	// Look for the End after Keep, not before it: an End that came in between may not know of the message. One
	// that does publishes it too; Config.Dedup at the device recognizes the copy by the id.
	if end := ln.End("device-7"); end != nil {
		_, err = end.PublishAsync(ctx, m.Topic, m.Body, gantline.WithMessageID(m.ID))
		fmt.Println("published:", err)
	}

	device, err := client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(gantline.Config{ID: "device-7"}))
	if err != nil {
		panic(err)
	}
	defer device.Close()
	got, err := device.Receive(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("received: %s\n", got.Body)
	got.Ack()
	fmt.Println("answered:", <-answered)
	// Output:
	// received: release 2 is out
	// answered: <nil>
}
