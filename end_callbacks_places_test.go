package gantline

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing/synctest"
	"time"
)

// callbackPlace is a callback of the API.
type callbackPlace struct {
	name    string
	free    bool   // it runs on a goroutine that may wait
	over    bool   // the End is, so that methods may fail with that
	early   bool   // it runs before e can wait for anything that was begun
	lost    bool   // the session is, and with it what waits for ever
	role    string // that it is a callback of, "" = both
	only    func(callbackMethod) bool
	config  func(r *callbackRig, cfg *Config) // of the End that has the callback
	trigger func(r *callbackRig)
}

func onlyClosing(m callbackMethod) bool { return m.closes || m.name == "stop" }

// handled are handlers of one sort, registered as given.
func handled(name string, free bool, opts ...HandlerOption) callbackPlace {
	return callbackPlace{
		name: name, free: free,
		trigger: func(r *callbackRig) {
			r.e.Handle("m", HandlerFunc(func(context.Context, *Request) ([]byte, error) { r.ofTest(); return nil, nil }), opts...)
			r.p.Go(context.Background(), "m", nil)
		},
	}
}

// done are publications of e whose OnDone is the callback.
func done(name, topic string, more callbackPlace) callbackPlace {
	more.name = "OnDone " + name
	after := more.trigger
	more.trigger = func(r *callbackRig) {
		_, err := r.e.PublishAsync(context.Background(), topic, nil, OnDone(func(error) { r.ofTest() }))
		must(r.t, err)
		if after != nil {
			synctest.Wait()
			after(r)
		}
	}
	return more
}

// called are calls of e whose OnCallDone is the callback.
func called(name, method string, more callbackPlace) callbackPlace {
	more.name = "OnCallDone " + name
	after := more.trigger
	more.trigger = func(r *callbackRig) {
		r.e.Go(context.Background(), method, nil, OnCallDone(func(*PendingCall) { r.ofTest() }))
		if after != nil {
			synctest.Wait()
			after(r)
		}
	}
	return more
}

// withBox gives the End an Outbox with a message of an earlier End's.
func withBox(r *callbackRig, cfg *Config) {
	r.box = newMemoryBox()
	cfg.Outbox = r.box
	peer := "client"
	if r.client {
		peer = ""
	}
	must(r.t, r.box.Keep(peer, &KeptMessage{ID: NewMessageID(), Topic: "kept"}))
}

// boxed are the methods of an Outbox.
func boxed(name string, free bool) callbackPlace {
	return callbackPlace{
		name: "Outbox." + name, free: free,
		config: func(r *callbackRig, cfg *Config) {
			withBox(r, cfg)
			cfg.Outbox = &hookedBox{r.box, r, name}
		},
		trigger: func(r *callbackRig) {
			_, _ = r.e.PublishAsync(context.Background(), "t", nil)
		},
	}
}

// deduped are the methods of a Dedup.
func deduped(name string) callbackPlace {
	return callbackPlace{
		name: "Dedup." + name, free: true,
		config: func(r *callbackRig, cfg *Config) { cfg.Dedup = &hookedDedup{NewDedup(0, 0), r, name} },
		trigger: func(r *callbackRig) {
			r.e.Subscribe("m", func(context.Context, *Message) error { return nil })
			_, _ = r.p.PublishAsync(context.Background(), "m", nil)
		},
	}
}

// logged is the handler of Logger, for records with a text.
func logged(text string, over bool, trigger func(r *callbackRig)) callbackPlace {
	return callbackPlace{
		name: "Logger " + text, over: over,
		config: func(r *callbackRig, cfg *Config) {
			cfg.Logger = slog.New(logHandler{r, text})
		},
		trigger: trigger,
	}
}

var callbackPlaces = []callbackPlace{
	{name: "Setup", early: true, config: func(r *callbackRig, cfg *Config) {
		cfg.Setup = func(e *End) error { r.e = e; r.run(e); return nil }
	}},
	{name: "Outbox.Pending", early: true, config: func(r *callbackRig, cfg *Config) {
		withBox(r, cfg)
		cfg.Outbox = &hookedBox{r.box, r, "Pending"}
		cfg.Setup = func(e *End) error { r.e = e; return nil }
	}},
	{name: "OnStream", free: true,
		config: func(r *callbackRig, cfg *Config) {
			cfg.OnStream = func(st *Stream) error { r.run(st.End()); return errOfCallback }
		},
		trigger: func(r *callbackRig) { _, _ = r.p.OpenStream(context.Background()) }},
	{name: "OnState", free: true,
		config:  func(r *callbackRig, cfg *Config) { cfg.OnState = func(e *End, _ State) { r.run(e) } },
		trigger: func(r *callbackRig) { r.h.cut() }},
	{name: "OnSession", free: true,
		config:  func(r *callbackRig, cfg *Config) { cfg.OnSession = func(e *End, _ bool) { r.run(e) } },
		trigger: func(r *callbackRig) { r.h.cut() }},
	{name: "OnPeerMethod", free: true,
		config:  func(r *callbackRig, cfg *Config) { cfg.OnPeerMethod = func(e *End, _ string, _ bool) { r.run(e) } },
		trigger: func(r *callbackRig) { r.p.Handle("another", echo) }},
	{name: "OnKept", free: true,
		config: func(r *callbackRig, cfg *Config) {
			withBox(r, cfg)
			cfg.OnKept = func(e *End, _ *KeptMessage, _ error) { r.run(e) }
		},
		trigger: func(r *callbackRig) { r.p.Subscribe("kept", func(context.Context, *Message) error { return nil }) }},
	{name: "Redial", role: "client",
		config: func(r *callbackRig, cfg *Config) {
			cfg.Redial = func(ctx context.Context) (net.Conn, error) { r.ofTest(); return r.h.dial(ctx) }
		},
		trigger: func(r *callbackRig) { r.h.cut() }},
	{name: "Redial lost", role: "client", lost: true,
		config: func(r *callbackRig, cfg *Config) {
			cfg.Redial = func(ctx context.Context) (net.Conn, error) {
				if _, home := Redialing(ctx); home == nil {
					r.ofTest()
				}
				return r.h.dial(ctx)
			}
		},
		trigger: func(r *callbackRig) { r.h.lose(); r.h.open() }},
	handled("handler", true),
	handled("Inline", false, Inline()),
	handled("MaxConcurrent", true, MaxConcurrent(1)),
	{name: "notify", free: true, trigger: func(r *callbackRig) {
		r.e.Handle("m", HandlerFunc(func(context.Context, *Request) ([]byte, error) { r.ofTest(); return nil, nil }))
		_ = r.p.Notify(context.Background(), "m", nil)
	}},
	{name: "Fallback", free: true, trigger: func(r *callbackRig) {
		r.e.Fallback(HandlerFunc(func(context.Context, *Request) ([]byte, error) { r.ofTest(); return nil, nil }))
		r.p.Go(context.Background(), "m", nil)
	}},
	{name: "HandleStream", free: true, trigger: func(r *callbackRig) {
		r.e.HandleStream("m", func(context.Context, *Request, *CallStream) error { r.ofTest(); return nil })
		_, _ = r.p.OpenCall(context.Background(), "m")
	}},
	{name: "middleware Inline", config: func(r *callbackRig, cfg *Config) {
		cfg.Router = new(Router)
		cfg.Router.Handle("m", echo, Inline())
		cfg.Router.Use(func(next Handler) Handler {
			return HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) { r.ofTest(); return next.ServeCall(ctx, req) })
		})
	}, trigger: func(r *callbackRig) { r.p.Go(context.Background(), "m", nil) }},
	{name: "Codec Inline", config: func(r *callbackRig, cfg *Config) { cfg.Codec = hookedCodec{JSON, r} }, trigger: func(r *callbackRig) {
		Handle(r.e, "m", func(_ context.Context, v int) (int, error) { return v, nil }, Inline())
		r.p.Go(context.Background(), "m", []byte("1"), WithCodec(JSON))
	}},
	{name: "Subscribe", free: true, trigger: func(r *callbackRig) {
		r.e.Subscribe("m", func(context.Context, *Message) error { r.ofTest(); return nil })
		_, _ = r.p.PublishAsync(context.Background(), "m", nil)
	}},
	done("acked", "t", callbackPlace{}),
	done("not acked", "hang", callbackPlace{over: true, role: "server", trigger: func(r *callbackRig) { r.h.lose() }}),
	done("closed", "hang", callbackPlace{over: true, trigger: func(r *callbackRig) { _ = r.e.Close() }}),
	done("closed by the peer", "hang", callbackPlace{over: true, trigger: func(r *callbackRig) { _ = r.p.Close() }}),
	done("dropped", "hang", callbackPlace{over: true, role: "client", trigger: func(r *callbackRig) { r.h.stop(); <-time.After(time.Second); _ = r.e.Close() }}),
	done("finished", "hang", callbackPlace{over: true, role: "client", trigger: func(r *callbackRig) {
		r.loseUntil(Unavailable)
		<-time.After(time.Second)
		_ = r.e.Close()
	}}),
	done("refused", "hang", callbackPlace{over: true, role: "client", trigger: func(r *callbackRig) { r.loseUntil(PermissionDenied) }}),
	done("settled", "t", callbackPlace{config: withBox}),
	{name: "OnDone sent again", role: "client", lost: true, trigger: func(r *callbackRig) {
		_, err := r.e.PublishAsync(context.Background(), "hang", make([]byte, 1<<20+1), OnDone(func(error) { r.ofTest() }))
		must(r.t, err)
		r.h.stop()
		r.h.cfg.Limits.Body = 1 << 20 // of the next server
		r.h.start()
	}},
	{name: "OnDone ctx", free: true, trigger: func(r *callbackRig) {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := r.e.PublishAsync(ctx, "hang", nil, OnDone(func(error) { r.ofTest() }))
		must(r.t, err)
		cancel()
	}},
	{name: "OnDone NoAck", free: true, trigger: func(r *callbackRig) {
		_, _ = r.e.PublishAsync(context.Background(), "t", nil, NoAck(), OnDone(func(error) { r.ofTest() }))
	}},
	called("answered", "echo", callbackPlace{}),
	called("failed", "fail", callbackPlace{}),
	called("lost", "hang", callbackPlace{lost: true, role: "client", trigger: func(r *callbackRig) { r.h.lose(); r.h.open() }}),
	called("over", "hang", callbackPlace{over: true, role: "server", trigger: func(r *callbackRig) { r.h.lose() }}),
	called("aborted", "hang", callbackPlace{over: true, trigger: func(r *callbackRig) { r.e.session().Native.Abort(nil) }}),
	called("closed", "hang", callbackPlace{over: true, trigger: func(r *callbackRig) { _ = r.e.Close() }}),
	called("not sent", strings.Repeat("m", 300), callbackPlace{free: true}),
	boxed("Keep", true),
	boxed("Forget", false),
	deduped("Seen"),
	deduped("Add"),
	logged("notify dropped", false, func(r *callbackRig) { _ = r.p.Notify(context.Background(), "nobody's", nil) }),
	logged("link closed", true, func(r *callbackRig) { _ = r.p.Close() }),
	logged("carrier lost", false, func(r *callbackRig) { r.h.cut() }),
	{name: "Streams", free: true, trigger: func(r *callbackRig) {
		_, err := r.e.OpenStream(context.Background())
		must(r.t, err)
		for range r.e.Streams() {
			r.ofTest()
		}
	}},
	{name: "net.Conn.Read", role: "client", only: onlyClosing,
		config: func(r *callbackRig, cfg *Config) {
			cfg.Redial = func(ctx context.Context) (net.Conn, error) {
				nc, err := r.h.dial(ctx)
				return hookedConn{nc, r}, err
			}
		},
		trigger: func(r *callbackRig) {
			r.armed.Store(false)
			must(r.t, r.e.Migrate(context.Background()))
			r.armed.Store(true) // the handshake is not on the goroutine that reads
			_, _ = r.e.Ping(context.Background())
		}},
}
