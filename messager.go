package gantline

// Messages: Publish, Subscribe and Receive.
//
// Each scope has a messageScope, which is made when it is first used. Its inbox has the messages that nobody has yet;
// the inbox's lock also guards who subscribes to what, and is taken before a Router's locks. The goroutine that reads
// the link puts messages in and never waits: how many there can be is bounded by the receive maximum, which the
// publisher obeys. A subscription has a goroutine while it has messages. From then on a Message is the application's,
// and its outcome is an atomic.
//
// What a scope publishes is a flight (internal/flight) until its outcome: Publish waits for that, a Publication learns it
// and has a lock for who asks. If the message is to outlive its session, the Publication has a kept: what it takes to
// publish it again, which one goroutine at a time does. What an End does with its Outbox is in an endMessages, whose
// settler (internal/settle) waits for the disk so that no other goroutine has to.
//
// What is sent: messager_publish.go, messager_kept.go, messager_outbox_kept.go, messager_outbox_settle.go. What arrives:
// messager_inbox.go, messager_message.go, messager_subscribe.go. What Config names is in messager_id.go and
// messager_outbox.go, which use nothing of the rest. Typed values stand above all that, in messager_typed.go.

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/inbox"
	"github.com/gantline-project/gantline/mux"
)

// Publish sends a message to the peer's side of this stream and waits for the ack. On an End that is the peer's End. The
// application that subscribes to topic there, or receives, acks it. body may be reused when Publish returns.
//
// A topic has 1 to 255 bytes: parts separated by dots, none of them empty, "*" or ">".
//
// While the peer's receive maximum (its Limits.Messages, 1024 by default) is unacked, Publish waits; that holds up
// neither calls nor streams. ctx bounds all of it, and the receiver sees its deadline and its end. With the context of a
// handler or of a subscription's function the message is nested in theirs, at most 16 deep. Each depth has its own receive
// maximum, so functions on both sides that publish back do not wait for each other.
//
// Errors are *Error:
//
//   - the peer's code and text for a nack; Unimplemented when nobody takes the topic within 10 s;
//   - ctx's, with ErrNotSent, or ErrUnknownOutcome when the peer may have acted on the message all the same;
//   - InvalidArgument for a malformed topic or metadata, ResourceExhausted for a body over the peer's Limits.Body or
//     messages that are nested too deep;
//   - ErrNotSent, or ErrUnknownOutcome when the message was sent and the End was over before its ack;
//   - FailedPrecondition inside Config.Setup, Inline handlers, OnDone and OnCallDone.
//
// On an End that redials (Config.Redial), a message outlives its session, which takes a copy of body. It is published
// again in the next one, under the same id and before newer ones, until it is acked, ctx ends or the End is over. It is
// marked as redelivered if the peer may have seen it. Messages to another Stream than the End's own end with the stream.
//
// With Config.Outbox a message also outlives its End. An error that is ErrKept says that the Outbox still has it, and no
// other does. Publish then returns nil once the Outbox has recorded the ack; ctx does not bound the Outbox's work.
func (st *Stream) Publish(ctx context.Context, topic string, body []byte, opts ...PublishOption) error {
	return st.messageScope().publish(ctx, topic, body, opts)
}

// PublishAsync is Publish that does not wait for the ack. It returns once the message is handed to the link, after
// waiting only while the peer's receive maximum was unacked or the link had no room. ctx bounds that wait, and then the
// wait for the ack. body may be reused when it returns. It works inside Config.Setup too.
//
// No goroutine runs for a publication: to learn the end of many, share one OnDone. Errors are those of Publish; what the
// peer or the wait for the ack causes is the Publication's.
func (st *Stream) PublishAsync(ctx context.Context, topic string, body []byte, opts ...PublishOption) (*Publication, error) {
	return st.messageScope().publishAsync(ctx, topic, body, opts)
}

// Publication is a message whose ack is still to come, as PublishAsync returns it. Its methods may be called from any
// goroutine.
type Publication struct {
	sc     *messageScope
	topic  string
	ctx    context.Context // bounds the wait for the ack; nil without one
	onDone func(error)
	kept   *kept // what it takes to publish it again; nil = it is not

	mu    sync.Mutex    // guards what follows
	done  chan struct{} // made by Done
	ended bool
	err   error
}

// Done returns a channel that is closed when the publication is done, one way or another.
func (p *Publication) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = make(chan struct{})
		if p.ended {
			close(p.done)
		}
	}
	return p.done
}

// Err returns nil when the peer's application has acked the message. Until the publication is done it is ErrPending,
// then what Publish would have returned.
func (p *Publication) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		return ErrPending
	}
	return p.err
}

// Wait waits until the publication is done and returns its Err. When ctx ends before that, it returns ctx's error and the
// publication goes on. Inside Config.Setup, Inline handlers, OnDone and OnCallDone it fails with FailedPrecondition.
func (p *Publication) Wait(ctx context.Context) error { return p.wait(ctx) }

// Subscribe calls fn with each message published to this scope whose topic matches pattern. It does so for one message
// after another, in the order they were published. Each subscription has its own queue, so none waits for another.
//
// fn may go back to the peer with ctx, by Publish, Call and the like. Then, until it returns, messages that are nested
// deeper than its own do not wait for it: fn is called for them meanwhile, and they overtake others.
//
// fn's result settles the message: nil acks it, an error nacks it with the error's code and text, ErrAckLater leaves it
// to Ack and Nack. A panic is logged and nacks with Internal. ctx ends when the publisher gives up, its deadline
// passes, fn has returned or the End is over.
//
// A pattern is a topic in whose place of a part "*" stands for any one part and, at the end, ">" for one or
// more: "jobs.*.done", "jobs.>". Of several patterns that match, the most specific takes the message alone:
// compared part by part from the left, text before "*" before ">". On an End its own subscriptions come before
// its Router's; what no pattern takes waits for Receive. Messages that are waiting already are taken over.
//
// Subscribe panics, as http.ServeMux does, when fn is nil and when the pattern is malformed or already taken
// on this scope. stop ends the subscription and waits until a running fn has returned, unless it is called
// from inside a subscription's function, OnDone or the like; messages still queued go to the next subscription that
// matches, or to Receive. stop may be called more than once.
//
// Subscribe in Config.Setup or Config.OnStream to get the first message: they run before the peer is heard.
func (st *Stream) Subscribe(pattern string, fn func(context.Context, *Message) error) (stop func()) {
	return subscribeTo(&st.messageScope().inbox, pattern, fn)
}

// Subscribe is Stream.Subscribe for the scopes of all Ends that use this Router, now or later. Every End has a queue
// of its own, so fn may run for several Ends at once; Message.Stream and FromContext tell which. A pattern of an End's
// own comes before every pattern here. stop waits for fn on all Ends.
func (r *Router) Subscribe(pattern string, fn func(context.Context, *Message) error) (stop func()) {
	return subscribeTo(r.topics(), pattern, fn)
}

// Receive returns the next message published to this scope that no subscription takes. It waits for one until ctx
// ends, and returns messages in the order they were published. Settle each with Ack or Nack: until then it counts in
// the receive maximum, Limits.Messages, at which the publisher waits. Several goroutines may call it. What is published
// between Receive and Ack is not nested: Subscribe is for what publishes back.
//
// When the scope is over, messages that had arrived are still returned, though their Ack fails. After the last, the
// error satisfies net.ErrClosed for a closed End or stream, or ErrSessionLost. When ctx ends the error satisfies its
// error. Inside Config.Setup, Inline handlers, OnDone and OnCallDone it fails at once.
//
// A message that nobody claims is nacked with Unimplemented after 10 s unless Receive was called on the scope
// before. Where there are subscriptions too, unclaimed messages may hold half of the receive maximum; what
// comes beyond is nacked at once, unless Receive is called at least every 10 s.
func (st *Stream) Receive(ctx context.Context) (*Message, error) {
	return st.messageScope().receive(ctx)
}

// Messages is Receive in a loop: it yields message after message, and ends after it has yielded an error.
func (st *Stream) Messages(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for {
			m, err := st.Receive(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Message is one published message as its receiver sees it. Body belongs to the receiver. The exported
// fields are set before the message is handed out and not touched afterwards; the methods may be called
// from any goroutine. A Message that a test makes itself can be used too: its Ack and Nack reach nobody.
type Message struct {
	ID          MessageID // the same for every copy of the message; zero if the peer gave none
	Topic       string
	Body        []byte
	Metadata    Metadata // nil when the publisher gave none
	Redelivered bool     // the publisher says that this may be a copy
	Stream      *Stream  // whose Receive or Subscribe it was published to: the End's own, or a stream's

	sc   *messageScope
	x    mux.Incoming         // here, as are ctx and item, to save an allocation
	ctx  handlerContext       // of the subscription function it is given to
	item inbox.Item[*Message] // its place among those that nobody has yet

	outcome atomic.Uint32         // of Ack and Nack
	codec   uint8                 // of Body
	noAck   bool                  // the publisher does not wait
	gone    atomic.Pointer[error] // why nobody waits for the outcome any more
}

// ErrAckLater leaves the message unsettled when a subscription's function returns it. The publisher goes on waiting
// until Ack or Nack is called, by any goroutine. Until then the message counts in the receive maximum,
// Limits.Messages.
var ErrAckLater = errs.New(Unknown, "gantline: message will be acked later")

// Ack tells the publisher that the message is done: its Publish returns nil. It never blocks.
//
// The first Ack or Nack counts. A later one returns an error with the code FailedPrecondition. Ack also
// returns an error when nobody waits any more: Canceled or DeadlineExceeded when the publisher gave up, Unavailable
// with net.ErrClosed or ErrSessionLost when the session is over; the message may then come again.
func (m *Message) Ack() error { return m.settle(acked, nil) }

// Nack tells the publisher that the message failed. Its Publish returns an *Error with err's code and text, as a
// call does: a plain error is Unknown, nil is Unknown without text. Like Ack it never blocks and counts only when it
// is the first.
func (m *Message) Nack(err error) error {
	if err == nil {
		err = Unknown
	}
	return m.settle(nacked, err)
}

// Deadline returns when the publisher stops waiting for the ack, false if it waits without limit.
func (m *Message) Deadline() (time.Time, bool) { return m.ctx.Deadline() }

// Decode reads Body into v with the codec it was written with: see Topic. Errors are *Error: InvalidArgument
// when the body does not fit v or is raw bytes, Unimplemented when this side does not accept the codec.
func (m *Message) Decode(v any) error { return m.decode(v) }
