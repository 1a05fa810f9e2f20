package sim

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gantline-project/gantline"
)

// chatBack serves streaming calls: it sends back what arrives, until the end.
func (x *peer) chatBack(ctx context.Context, _ *gantline.Request, cs *gantline.CallStream) error {
	for {
		m, err := cs.Recv(ctx)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = cs.Send(ctx, m)
		}
		if err != nil {
			if ctx.Err() == nil && !x.may(err) && !errors.Is(err, io.EOF) {
				x.wrong("chat is served until %v", err)
			}
			return err
		}
	}
}

// chat makes a streaming call: each message comes back, in order, and then the end.
func (x *peer) chat(id string, p *chatPlan) {
	<-time.After(p.at)
	err := x.converse(id, p)
	if err != nil && !x.may(err) {
		x.wrong("%s: %v", id, err)
	}
	if errors.Is(err, gantline.ErrUnknownOutcome) == errors.Is(err, gantline.ErrNotSent) && err != nil {
		x.wrong("%s: says neither whether it was sent nor that this is unknown: %v", id, err)
	}
}

func (x *peer) converse(id string, p *chatPlan) error {
	cs, err := x.e.OpenCall(x.w.ctx, "chat")
	if err != nil {
		return err
	}
	defer cs.Cancel()
	sent := make(chan struct{})
	x.w.wg.Go(func() {
		defer close(sent)
		for i, size := range p.sizes {
			<-time.After(p.pause)
			if cs.Send(x.w.ctx, x.w.body(chatID(id, i), size)) != nil {
				return // Recv says why
			}
		}
		_ = cs.CloseSend()
	})
	defer func() { <-sent }()
	for i := 0; ; i++ {
		m, err := cs.Recv(x.w.ctx)
		if err == io.EOF && i == len(p.sizes) {
			return nil
		}
		if err != nil {
			return err
		}
		if got, size, ok := x.w.open(m); !ok || i >= len(p.sizes) || got != chatID(id, i) || size != p.sizes[i] {
			x.wrong("%s: message %d of %d is %q with %d bytes", id, i, len(p.sizes), got, size)
		}
	}
}

func chatID(id string, i int) string { return id + "." + string(rune('a'+i)) }

// sendFirst sends n bytes on the End's own stream.
func (x *peer) sendFirst(n int) {
	buf := make([]byte, n)
	fill(buf, x.w.key("first"), 0)
	_, err := x.e.Write(buf)
	if err == nil {
		err = x.e.CloseWrite()
	}
	if err != nil && !x.mayFirst(err) {
		x.wrong("write of first bytes: %v", err)
	}
}

// receiveFirst expects what the other side sends in this way.
func (x *peer) receiveFirst() {
	want := x.w.p.work[0].first
	if x.name == "c" {
		want = x.w.p.work[1].first
	}
	b, err := io.ReadAll(x.e.Stream)
	if !same(b, x.w.key("first"), 0) || len(b) > want {
		x.wrong("%d of %d first bytes came, or wrong ones", len(b), want)
	}
	if (err != nil || len(b) != want) && !x.mayFirst(err) {
		x.wrong("%d of %d first bytes came: %v", len(b), want, err)
	}
}

// mayFirst is may for the End's own stream, which a fresh session does not have.
func (x *peer) mayFirst(err error) bool {
	return x.may(err) || x.excused() && gantline.CodeOf(err) == gantline.Unavailable
}
