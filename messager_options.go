package gantline

import (
	"sync"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/topic"
)

// PublishOption sets something about one publication. See WithMetadata, WithMessageID, Redelivered, NoAck and OnDone.
type PublishOption interface{ applyPublish(*publishOptions) }

type publishOptions struct {
	metadata    Metadata
	id          MessageID
	hasID       bool
	redelivered bool
	noAck       bool
	codec       uint8 // of the body; set by Topic
	onDone      func(error)
}

// usePublishOptions collects options, to be given back with done. A plain publish allocates nothing for them.
func usePublishOptions(opts []PublishOption) *publishOptions {
	if len(opts) == 0 {
		return &noPublishOptions
	}
	o := publishOptionsPool.Get().(*publishOptions)
	for _, opt := range opts {
		opt.applyPublish(o)
	}
	return o
}

func (o *publishOptions) done() {
	if o != &noPublishOptions {
		*o = publishOptions{}
		publishOptionsPool.Put(o)
	}
}

var (
	noPublishOptions   publishOptions // never written
	publishOptionsPool = sync.Pool{New: func() any { return new(publishOptions) }}
)

// appendBlock appends the metadata that travels with the message.
func (o *publishOptions) appendBlock(b []byte) ([]byte, error) {
	id := o.id
	if !o.hasID {
		id = NewMessageID()
	}
	b, err := frame.AppendMessage(b, id[:], o.redelivered, o.metadata)
	if err != nil {
		return b, errorf(InvalidArgument, "%s", err)
	}
	return b, nil
}

// onDone is what OnDone returns.
type onDone func(error)

func (f onDone) applyPublish(o *publishOptions) { o.onDone = f }

// OnDone has f called once, when a publication made with PublishAsync is done. The error is nil when the peer's
// application acked it, else what Publication.Err will return. Many publications can share one f. It is not called when
// PublishAsync itself returns an error; Publish ignores it.
//
// f runs before Done is closed and perhaps before PublishAsync returns, mostly on the goroutine that reads the connection
// or that ends it. It must not block. Inside it, what would wait for the same peer fails with FailedPrecondition: Publish
// and Call always, PublishAsync and Go when there is no place at once. Close returns, and goes on after f.
func OnDone(f func(error)) PublishOption { return onDone(f) }

// withID is what WithMessageID returns.
type withID MessageID

func (id withID) applyPublish(o *publishOptions) { o.id, o.hasID = MessageID(id), true }

// WithMessageID publishes under an id made before, by NewMessageID or by the message's first publisher. So a broker that
// forwards a message keeps its id.
func WithMessageID(id MessageID) PublishOption { return withID(id) }

type publishFlag uint8

const (
	flagRedelivered publishFlag = iota
	flagNoAck
)

func (f publishFlag) applyPublish(o *publishOptions) {
	switch f {
	case flagRedelivered:
		o.redelivered = true
	case flagNoAck:
		o.noAck = true
	}
}

// Redelivered marks the message as a possible copy. Message.Redelivered is true at the receiver.
func Redelivered() PublishOption { return flagRedelivered }

// NoAck publishes without waiting for an ack. The publication is done, with nil, when the message was handed to the link.
// It reaches the peer's application at most once, and a Nack reaches nobody. It still counts in the receive maximum until
// the application takes it, so publishers wait instead of dropping. An End that redials sends it in the next session if no
// carrier had it.
func NoAck() PublishOption { return flagNoAck }

// codecOption is how Topic says what wrote the body.
type codecOption uint8

func (c codecOption) applyPublish(o *publishOptions) { o.codec = uint8(c) }

// checkTopic reports why name cannot be published to.
func checkTopic(name string) error { return topic.Check(name) }
