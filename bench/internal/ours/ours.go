// Package ours connects gantline as its users do, through packages client and server, with the zero Config.
//
// # Usage
//
//	c, s, err := ours.Pair(ctx, carrier)
//	text, err := ours.Effective()
//
// # Concurrency
//
// Every function may be called from any goroutine.
//
// # Errors
//
// Those of client and server. Effective fails when the Config is not the zero value: then nothing measured with
// it counts.
package ours

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"reflect"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// Module is what is measured, and Words its description.
const (
	Module = "github.com/gantline-project/gantline"
	Words  = "client.Dial and server.Listen, zero Config: resume, replay, heartbeat and every limit on"
)

// Config is what every End of every scenario is made with, unless the scenario says otherwise.
func Config() gantline.Config { return gantline.Config{} }

// Effective prints the Config, and fails if it is not the zero value.
func Effective() (string, error) {
	return describe(Config())
}

func describe(cfg gantline.Config) (string, error) {
	v := reflect.ValueOf(cfg)
	if v.IsZero() {
		return fmt.Sprintf("gantline.Config{}: all %d fields, Limits with its %d included, are zero", v.NumField(), reflect.TypeFor[gantline.Limits]().NumField()), nil
	}
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			return "", fmt.Errorf("bench: gantline.Config.%s is %v, want the zero value: figures count for the default only", v.Type().Field(i).Name, v.Field(i))
		}
	}
	return "", nil
}

// Listen returns a listener over what c makes, and tells c where it is.
func Listen(c *carrier.Carrier, cfg gantline.Config) (*server.Listener, error) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the Config has no Logger
	if c.Kind.Network == "" {
		ln, err := c.Listen()
		if err != nil {
			return nil, err
		}
		return server.NewListener(ln, server.WithConfig(cfg)), nil
	}
	opts := []server.Option{server.WithConfig(cfg)}
	if c.Kind.TLS {
		opts = append(opts, server.WithTLS(c.ServerTLS))
	}
	network, addr := c.Address()
	ln, err := server.Listen(network, addr, opts...)
	if err != nil {
		return nil, err
	}
	c.At(ln.Addr())
	return ln, nil
}

// Dial connects to l, which is Listen's.
func Dial(ctx context.Context, c *carrier.Carrier, l *server.Listener, cfg gantline.Config, more ...client.Option) (*gantline.End, error) {
	opts := append([]client.Option{client.WithConfig(cfg)}, more...)
	network, addr := l.Addr().Network(), l.Addr().String()
	switch {
	case c.Kind.Network == "":
		opts = append(opts, client.WithDialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) { return c.Dial(ctx) }))
	case c.Kind.TLS:
		opts = append(opts, client.WithTLS(c.ClientTLS))
	}
	return client.Dial(ctx, network, addr, opts...)
}

// Pair returns two connected Ends. The listener lives on, so that a torn link is resumed.
func Pair(ctx context.Context, c *carrier.Carrier) (near, far *gantline.End, err error) {
	l, err := Listen(c, Config())
	if err != nil {
		return nil, nil, err
	}
	if near, err = Dial(ctx, c, l, Config()); err != nil {
		return nil, nil, err
	}
	far, err = l.AcceptEnd(ctx)
	return near, far, err
}
