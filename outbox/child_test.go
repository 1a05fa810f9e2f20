package outbox

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// childWriters is how many messages a child publishes at a time.
const childWriters = 64

// child is the life of the process that is killed. spec is "role path address from": a role of client or server, the
// outbox, where to dial for a client, and the number of the first message. It publishes message after message until
// it is killed, and prints the number of each whose Publish has returned nil. A server prints its address first.
func child(spec string) error {
	var role, path, addr string
	var from int
	if _, err := fmt.Sscan(spec, &role, &path, &addr, &from); err != nil {
		return err
	}
	file, err := Open(path, nil)
	if err != nil {
		return err
	}
	ctx := context.Background()
	var end *gantline.End
	if role == "client" {
		end, err = client.Dial(ctx, "tcp", addr, client.WithConfig(gantline.Config{ID: "edge", Outbox: file}))
	} else {
		var ln *server.Listener
		if ln, err = server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{Outbox: file})); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, ln.Addr())
		end, err = ln.AcceptEnd(ctx)
	}
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range childWriters {
		wg.Go(func() {
			for n := from + w; ; n += childWriters {
				body := fmt.Sprint(n, " ", strings.Repeat("x", n%300))
				if err := end.Publish(ctx, "t", []byte(body)); err != nil {
					fmt.Fprintln(os.Stderr, "publish:", n, err)
					return
				}
				fmt.Fprintln(os.Stdout, n)
			}
		})
	}
	wg.Wait() // until the kill
	return nil
}
