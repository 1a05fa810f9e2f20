package gantline_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"

	"github.com/gantline-project/gantline"
)

// A publish returns when the peer's application has dealt with the message, with its error if it has one.
func ExampleStream_Publish() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()

	server.Subscribe("orders.*", func(ctx context.Context, m *gantline.Message) error {
		if len(m.Body) == 0 {
			return &gantline.Error{Code: gantline.InvalidArgument, Message: "empty order"}
		}
		fmt.Printf("%s: %s\n", m.Topic, m.Body)
		return nil
	})

	ctx := context.Background()
	fmt.Println(client.Publish(ctx, "orders.new", []byte("two coffees")))
	err := client.Publish(ctx, "orders.new", nil)
	fmt.Println(errors.Is(err, gantline.InvalidArgument), err)
	// Output:
	// orders.new: two coffees
	// <nil>
	// true gantline: "orders.new": peer answered invalid argument: empty order
}

// Many messages in flight with one callback: no goroutine per message.
func ExampleStream_PublishAsync() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()
	server.Subscribe("readings.>", func(context.Context, *gantline.Message) error { return nil })

	var flying sync.WaitGroup
	done := gantline.OnDone(func(err error) {
		if err != nil {
			log.Print(err)
		}
		flying.Done()
	})
	for i := range 10_000 {
		flying.Add(1)
		_, err := client.PublishAsync(context.Background(), fmt.Sprintf("readings.%d", i%10), []byte("21.5"), done)
		if err != nil {
			log.Fatal(err)
		}
	}
	flying.Wait()
	fmt.Println("all acked")
	// Output: all acked
}

// Receive takes messages when the reader likes; the publisher waits at the receive maximum.
func ExampleStream_Receive() {
	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()

	sent, err := client.PublishAsync(context.Background(), "hello", []byte("from the client"))
	if err != nil {
		log.Fatal(err)
	}
	m, err := server.Receive(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", m.Topic, m.Body)
	fmt.Println("before the ack:", sent.Err())
	if err := m.Ack(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("after it:", sent.Wait(context.Background()))
	// Output:
	// hello: from the client
	// before the ack: gantline: publication is not done yet
	// after it: <nil>
}

// A broker forwards messages with their ids and acks them when the next one has.
func ExampleWithMessageID() {
	producer, in := gantline.Pipe(nil, nil)
	out, consumer := gantline.Pipe(nil, nil)
	for _, e := range []*gantline.End{producer, in, out, consumer} {
		defer e.Close()
	}
	in.Subscribe(">", func(ctx context.Context, m *gantline.Message) error {
		_, err := out.PublishAsync(context.Background(), m.Topic, m.Body, gantline.WithMessageID(m.ID), gantline.OnDone(func(err error) {
			if err != nil {
				_ = m.Nack(err)
			} else {
				_ = m.Ack()
			}
		}))
		if err != nil {
			return err
		}
		return gantline.ErrAckLater
	})

	id := gantline.NewMessageID()
	consumer.Subscribe(">", func(_ context.Context, m *gantline.Message) error {
		fmt.Printf("%s, same id: %v\n", m.Body, m.ID == id)
		return nil
	})
	fmt.Println(producer.Publish(context.Background(), "jobs.print", []byte("page 1"), gantline.WithMessageID(id)))
	// Output:
	// page 1, same id: true
	// <nil>
}

// A typed topic is declared once for both sides.
func ExampleTopic() {
	type reading struct {
		Sensor  string
		Celsius float64
	}
	const readings gantline.Topic[reading] = "sensors.readings"

	client, server := gantline.Pipe(nil, nil)
	defer server.Close()
	defer client.Close()
	readings.Subscribe(server, func(_ context.Context, r reading, _ *gantline.Message) error {
		fmt.Printf("%s: %.1f\n", r.Sensor, r.Celsius)
		return nil
	})
	fmt.Println(readings.Publish(context.Background(), client, reading{"roof", -3.5}))
	// Output:
	// roof: -3.5
	// <nil>
}

// A Router's subscriptions serve every End that has it; set them up before the first peer comes.
func ExampleRouter_Subscribe() {
	router := new(gantline.Router)
	router.Subscribe("hello", func(ctx context.Context, m *gantline.Message) error {
		fmt.Printf("%s says %s\n", gantline.FromContext(ctx).PeerID(), m.Body)
		return nil
	})
	for _, name := range []string{"ada", "grace"} {
		client, server := gantline.Pipe(&gantline.Config{ID: name}, &gantline.Config{Router: router})
		if err := client.Publish(context.Background(), "hello", []byte("hi")); err != nil {
			log.Fatal(err)
		}
		_ = client.Close()
		_ = server.Close()
	}
	// Output:
	// ada says hi
	// grace says hi
}
