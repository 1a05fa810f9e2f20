package memnet

import "time"

// defaultBuffer is about what a TCP socket pair holds on loopback.
const defaultBuffer = 256 << 10

// Option changes how the connections of a Pipe or a Listener behave. It
// applies to both directions.
type Option func(*config)

// config holds what the options set; it is not changed after Pipe or Listen.
type config struct {
	buffer   int
	maxRead  int
	maxWrite int
	latency  time.Duration
	seeded   bool
	seed     uint64
	rst      bool
}

func newConfig(opts []Option) *config {
	cfg := &config{buffer: defaultBuffer}
	for _, o := range opts {
		o(cfg)
	}
	return cfg
}

// WithBuffer sets how many bytes may be on the way in each direction before Write
// waits. Default 256 KiB; values below 1 mean the default. Memory is taken as it is
// needed.
func WithBuffer(bytes int) Option {
	return func(c *config) {
		c.buffer = bytes
		if bytes < 1 {
			c.buffer = defaultBuffer
		}
	}
}

// WithMaxRead lets one Read return at most n bytes. Zero or less, the default, means no limit.
func WithMaxRead(n int) Option {
	return func(c *config) { c.maxRead = max(n, 0) }
}

// WithMaxWrite splits what is written into pieces of at most n bytes. One Read returns
// bytes of one piece only, as if each were a packet. A Write still takes all of its
// bytes. Zero or less, the default, means no pieces.
func WithMaxWrite(n int) Option {
	return func(c *config) { c.maxWrite = max(n, 0) }
}

// WithSeed makes the limits of WithMaxRead and WithMaxWrite random. Each Read and each
// piece draws its own, from 1 to the limit. The same seed gives the same sequence for
// the same calls. Without limits it changes nothing.
func WithSeed(seed uint64) Option {
	return func(c *config) { c.seeded, c.seed = true, seed }
}

// WithLatency delays what is written, and the end of it, by d in each
// direction; the round trip is 2*d. Zero or less, the default, means none.
// Bytes on the way count against WithBuffer, so a connection moves at most
// buffer/d bytes per second. Cut does not wait.
func WithLatency(d time.Duration) Option {
	return func(c *config) { c.latency = max(d, 0) }
}

// WithReset makes Close of an end that has unread input cut the connection. TCP does
// the same. The other end gets ECONNRESET and loses what it has not read. By default
// Close never cuts.
func WithReset() Option {
	return func(c *config) { c.rst = true }
}
