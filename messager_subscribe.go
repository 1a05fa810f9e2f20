package gantline

import (
	"context"
	"fmt"

	"github.com/gantline-project/gantline/internal/goid"
	"github.com/gantline-project/gantline/internal/inside"
	"github.com/gantline-project/gantline/internal/subscribe"
	"github.com/gantline-project/gantline/internal/topic"
)

// topics returns messager's part of the Router.
func (r *Router) topics() *subscribe.Router[*Message] {
	if t, ok := r.messages.Load().(*subscribe.Router[*Message]); ok {
		return t
	}
	r.messages.CompareAndSwap(nil, new(subscribe.Router[*Message]))
	return r.messages.Load().(*subscribe.Router[*Message])
}

// subscribable is a scope or a Router.
type subscribable interface {
	Subscribe(pattern string, fn func(context.Context, *Message) error) (stop func() []<-chan struct{}, ok bool)
}

// subscribeTo implements Subscribe.
func subscribeTo(to subscribable, pattern string, fn func(context.Context, *Message) error) (stop func()) {
	if fn == nil {
		panic(fmt.Sprintf("gantline: Subscribe(%q) with a nil function", pattern))
	}
	if err := topic.CheckPattern(pattern); err != nil {
		panic(fmt.Sprintf("gantline: Subscribe(%.300q): bad pattern: %v", pattern, err))
	}
	halt, ok := to.Subscribe(pattern, fn)
	if !ok {
		panic(fmt.Sprintf("gantline: Subscribe(%q): the pattern is subscribed to already; stop that subscription first", pattern))
	}
	return func() {
		for _, idle := range halt() {
			if !inSubscription() && !inside.Anywhere() { // else it could be for ever: for one's own, or for one that waits in turn
				<-idle
			}
		}
	}
}

// subscriptionFrame is the name under which a running subscription shows in a stack.
var subscriptionFrame = goid.NameOf((*messageScope).Run)

// inSubscription reports whether the caller runs on the goroutine of a subscription.
func inSubscription() bool { return goid.Inside(subscriptionFrame) }
