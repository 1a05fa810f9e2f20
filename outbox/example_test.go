package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/outbox"
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

	box, err := outbox.Open(path, nil)
	if err != nil {
		panic(err)
	}
	client, server := gantline.Pipe(&gantline.Config{Outbox: box}, nil)
	p, err := client.PublishAsync(ctx, "orders.new", []byte("two coffees"))
	fmt.Println("published:", err)
	client.Close() // before anybody takes it
	<-p.Done()
	fmt.Println("kept:", errors.Is(p.Err(), gantline.ErrKept))
	server.Close()
	box.Close()

	box, err = outbox.Open(path, nil) // another process, perhaps
	if err != nil {
		panic(err)
	}
	defer box.Close()
	answered := make(chan error)
	client, server = gantline.Pipe(&gantline.Config{Outbox: box, OnKept: func(_ *gantline.End, m *gantline.KeptMessage, err error) {
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
	fmt.Println("still kept for:", box.Peers())
	// Output:
	// published: <nil>
	// kept: true
	// received: two coffees, redelivered true
	// answered: <nil>
	// still kept for: []
}
