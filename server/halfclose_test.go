package server_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/server"
)

// reads returns what the server says until the end of the connection: the frames that are about the session.
func reads(nc net.Conn) string {
	nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	var said []string
	r := frame.NewReader(nc, frame.MaxHandshake)
	for {
		h, err := r.Next()
		var p []byte
		if err == nil {
			p, err = r.Payload()
		}
		if err != nil {
			if err != io.EOF {
				said = append(said, err.Error())
			}
			return strings.Join(said, ", ")
		}
		switch h.Type {
		case frame.TypeWelcome:
			said = append(said, "WELCOME")
		case frame.TypeRefuse:
			x, _ := frame.ParseRefuse(p)
			said = append(said, fmt.Sprintf("REFUSE %s: %s", x.Code.String(), x.Text))
		case frame.TypeBye:
			x, _ := frame.ParseBye(p)
			said = append(said, fmt.Sprintf("BYE %s: %s", x.Code.String(), x.Text))
		}
	}
}

// TestLastWords: a client that half-closes right after what it says still reads the server's reason, in all of many runs.
func TestLastWords(t *testing.T) {
	bad := frame.AppendHeader(nil, frame.Header{Type: frame.TypeWelcome})
	for _, row := range []struct {
		name string
		says []byte
		want string
		opts []server.Option
	}{
		{"Setup", hello("a"), "REFUSE unauthenticated: who are you?", []server.Option{server.WithConfig(gantline.Config{
			Setup: func(*gantline.End) error {
				return &gantline.Error{Code: gantline.Unauthenticated, Message: "who are you?"}
			}})}},
		{"Setup, and more came", append(hello("a"), make([]byte, 10<<10)...), "REFUSE unavailable: not now", []server.Option{server.WithConfig(gantline.Config{
			Setup: func(*gantline.End) error { return &conn.RefusedError{Code: gantline.Unavailable, Text: "not now"} }})}},
		{"id in use", hello("first"), "REFUSE already exists: the id", nil},
		{"too many peers", hello("second"), "REFUSE resource exhausted: the server has 1 peers", []server.Option{server.WithLimits(server.Limits{Peers: 1})}},
		{"a frame that may not come", append(hello(""), bad...), "WELCOME, BYE internal error: ", nil},
		{"an open of the wrong side", append(hello(""), frame.AppendHeader(nil, frame.Header{Type: frame.TypeOpen, ID: 2})...), "WELCOME, BYE internal error: ", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			ln, err := server.Listen("tcp", "127.0.0.1:0", row.opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			dial := func() *net.TCPConn {
				nc, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				return nc.(*net.TCPConn)
			}
			go func() { // ends with the listener
				for {
					if _, err := ln.AcceptEnd(t.Context()); err != nil {
						return
					}
				}
			}()
			if !strings.HasPrefix(row.name, "Setup") {
				end, err := gantline.Client(t.Context(), dial(), &gantline.Config{ID: "first"})
				if err != nil {
					t.Fatal(err)
				}
				defer end.Close()
			}
			for range 200 {
				nc := dial()
				if _, err := nc.Write(row.says); err != nil {
					t.Fatal(err)
				}
				nc.CloseWrite()
				if got := reads(nc); !strings.HasPrefix(got, row.want) || strings.Contains(got, "reset") {
					t.Fatalf("the client read %q, want %q", got, row.want)
				}
				nc.Close()
			}
		})
	}
}

// TestRefusedHasNoPlace: a client that is refused and does not hang up keeps neither its id nor a place in the queue.
func TestRefusedHasNoPlace(t *testing.T) {
	for _, refuse := range []func() error{
		func() error { return gantline.Unauthenticated },
		func() error { panic("a bug") },
	} {
		allow := make(chan bool, 1)
		ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithLimits(server.Limits{Backlog: 1, Peers: 1}), server.WithConfig(gantline.Config{
			Logger: slog.New(slog.DiscardHandler),
			Setup: func(*gantline.End) error {
				if <-allow {
					return nil
				}
				return refuse()
			}}))
		if err != nil {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		allow <- false
		nc.Write(hello("a"))
		if _, err := io.ReadFull(nc, make([]byte, frame.HeaderLen)); err != nil { // of REFUSE
			t.Fatal(err)
		}
		allow <- true
		second, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		end, err := gantline.Client(t.Context(), second, &gantline.Config{ID: "a"})
		if err != nil {
			t.Errorf("the next client of that id: %v", err)
		} else {
			end.Close()
		}
		nc.Close()
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}
