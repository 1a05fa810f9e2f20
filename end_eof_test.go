package gantline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// endings are the ways in which an End can end. wait reports whether the reader's side may take part in it.
var endings = map[string]struct {
	end  func(e *End)
	own  error // how the End's own stream ends for the peer; nil = io.EOF
	want error // in the End's context.Cause at the peer
}{
	"Close":          {func(e *End) { _ = e.Close() }, nil, net.ErrClosed},
	"CloseWith":      {func(e *End) { _ = e.CloseWith(Aborted) }, net.ErrClosed, Aborted},
	"CloseWith(nil)": {func(e *End) { _ = e.CloseWith(nil) }, nil, net.ErrClosed},
	"Shutdown runs out": {func(e *End) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = e.Shutdown(ctx)
	}, net.ErrClosed, Unavailable},
	"Shutdown is cancelled": {func(e *End) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_ = e.Shutdown(ctx)
	}, net.ErrClosed, Unavailable},
	"protocol error": {func(e *End) { e.session().Native.Fail(errors.New("a rule")) }, net.ErrClosed, nil},
	"lost":           {func(e *End) { e.session().Link.Abort(errors.New("cut")) }, ErrSessionLost, ErrSessionLost},
}

// TestEOFIsTheWriters: io.EOF means that the writer ended its stream. However its End ends, a stream that is still being
// written gives its reader the bytes that were sent and then an error, and the writer knows how much that was.
func TestEOFIsTheWriters(t *testing.T) {
	for name, way := range endings {
		for _, size := range []int{0, 10, 3 << 20} { // none, in one frame, more than its window
			for _, server := range []bool{false, true} {
				for _, ended := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%d bytes/server=%v/ended=%v", name, size, server, ended), func(t *testing.T) {
						bubble(t, func(t *testing.T) {
							w, r := pair(t, nil, nil)
							if server {
								w, r = r, w
							}
							st, err := w.OpenStream(t.Context())
							must(t, err)
							peer, err := r.AcceptStream(t.Context())
							must(t, err)
							sent := make(chan int, 1)
							go func() {
								n, err := st.Write(make([]byte, size))
								if err == nil && ended {
									err = st.CloseWrite()
								}
								if err == io.EOF || err == nil && n < size {
									t.Errorf("Write = %d, %v", n, err)
								}
								sent <- n
							}()
							synctest.Wait()
							over := make(chan struct{})
							go func() { way.end(w); close(over) }()
							synctest.Wait()
							if name != "lost" { // which takes what is on its way with it
								<-over
							}
							got, err := io.ReadAll(peer)
							<-over
							n := <-sent
							complete := ended && n == size
							switch {
							case len(got) > n || len(got) < n && name != "lost" && name != "protocol error":
								t.Errorf("%d bytes were written, %d arrived", n, len(got))
							case complete && len(got) == n && err == nil:
							case err == nil:
								t.Errorf("a stream with %d of %d bytes ended well", len(got), size)
							case !errors.Is(err, net.ErrClosed) && !errors.Is(err, ErrSessionLost):
								t.Errorf("it ended with %v", err)
							}
							if _, err := r.Read(make([]byte, 1)); way.own == nil && err != io.EOF || way.own != nil && (err == io.EOF || err == nil) {
								t.Errorf("the End's own stream ended with %v", err)
							}
							<-r.Context().Done()
							if way.want != nil {
								want(t, context.Cause(r.Context()), way.want)
							}
						})
					})
				}
			}
		}
	}
}
