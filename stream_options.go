package gantline

// StreamOption sets something about a stream that is opened: see WithName, WithMeta and WithMetadata.
type StreamOption interface{ applyStream(*streamOptions) }

type streamOptions struct {
	name     string
	meta     []byte
	metadata Metadata
}

type streamOption func(*streamOptions)

func (f streamOption) applyStream(o *streamOptions) { f(o) }

// WithName gives the stream a name of at most 255 bytes. Stream.Name returns it on both sides, and End.Listener selects
// by it.
func WithName(name string) StreamOption {
	return streamOption(func(o *streamOptions) { o.name = name })
}

// WithMeta gives the stream bytes of the application's, which Stream.Meta returns on both sides. They and
// the stream's metadata share 8 KiB.
func WithMeta(meta []byte) StreamOption {
	return streamOption(func(o *streamOptions) { o.meta = meta })
}
