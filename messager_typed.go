package gantline

import "context"

// Publisher is what typed messages are published on: Stream and End.
type Publisher interface {
	// Publish waits for the ack: see Stream.Publish.
	Publish(ctx context.Context, topic string, body []byte, opts ...PublishOption) error
	// PublishAsync does not: see Stream.PublishAsync.
	PublishAsync(ctx context.Context, topic string, body []byte, opts ...PublishOption) (*Publication, error)
}

// Subscriber is what can be subscribed on: Stream, End and Router.
type Subscriber interface {
	// Subscribe gives the messages whose topic matches to fn: see Stream.Subscribe.
	Subscribe(pattern string, fn func(context.Context, *Message) error) (stop func())
}

var (
	_ Publisher  = (*Stream)(nil)
	_ Subscriber = (*Stream)(nil)
	_ Subscriber = (*Router)(nil)
)

// Topic is a topic or pattern whose messages are values of type T. Declare it once for both sides:
//
//	const Readings gantline.Topic[Reading] = "sensors.readings"
//
// Values travel in the publisher's Config.Codec; []byte values travel as they are.
type Topic[T any] string

// Publish is Stream.Publish of a value. A value that cannot be encoded is refused with InvalidArgument.
func (t Topic[T]) Publish(ctx context.Context, p Publisher, v T, opts ...PublishOption) error {
	buf := newBuffer()
	defer buf.Free()
	body, opts, err := t.encode(p, buf, v, opts)
	if err != nil {
		return err
	}
	return p.Publish(ctx, string(t), body, opts...)
}

// PublishAsync is Stream.PublishAsync of a value. A value that cannot be encoded is refused with InvalidArgument. v may
// be changed when it returns.
func (t Topic[T]) PublishAsync(ctx context.Context, p Publisher, v T, opts ...PublishOption) (*Publication, error) {
	buf := newBuffer()
	defer buf.Free()
	body, opts, err := t.encode(p, buf, v, opts)
	if err != nil {
		return nil, err
	}
	return p.PublishAsync(ctx, string(t), body, opts...)
}

// Subscribe is Stream.Subscribe for values. fn gets each message's value, and the message for all else. The topic may
// have wildcards. A body that does not fit T is nacked with InvalidArgument.
func (t Topic[T]) Subscribe(s Subscriber, fn func(ctx context.Context, v T, m *Message) error) (stop func()) {
	if fn == nil {
		return s.Subscribe(string(t), nil) // panics
	}
	return s.Subscribe(string(t), func(ctx context.Context, m *Message) error {
		var v T
		if err := m.Decode(&v); err != nil {
			return err
		}
		return fn(ctx, v, m)
	})
}

// encode encodes v, into buf if it has to.
func (t Topic[T]) encode(p Publisher, buf *buffer, v T, opts []PublishOption) ([]byte, []PublishOption, error) {
	if body, ok := any(v).([]byte); ok {
		return body, opts, nil
	}
	c := codecOf(p)
	body, err := encode(buf, c, string(t), v)
	if err != nil {
		return nil, nil, err
	}
	return body, append(opts[:len(opts):len(opts)], codecOption(c.ID())), nil
}
