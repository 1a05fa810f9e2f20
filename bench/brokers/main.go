// Brokers embeds the message brokers to compare with gantline's messages: NATS, JetStream, NSQ and MQTT. The bench
// builds and starts it by itself.
//
// # Usage
//
//	go run ./bench messages -peers nats,jetstream,jetstream-file,nsq,mqtt
package main

import (
	"fmt"
	"os"

	"github.com/gantline-project/gantline/bench/internal/messages"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

func main() {
	if !trial.IsChild() {
		fmt.Fprintln(os.Stderr, "gantline: bench: this program is started by the bench: go run ./bench -list")
		os.Exit(2)
	}
	dir, err := os.MkdirTemp("", "gantline-bench-")
	if err != nil {
		fmt.Fprintf(os.Stderr, "gantline: bench: a folder for the brokers: %v\n", err)
		os.Exit(1)
	}
	code := trial.Child(os.Stdout, map[string]trial.Runner{
		"messages": messages.Runner(dir, natsPeer, jetstreamPeer, jetstreamFilePeer, nsqPeer, mqttPeer),
	})
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
