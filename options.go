package gantline

// Option fits calls, streams and publishes alike.
type Option interface {
	CallOption
	StreamOption
	PublishOption
}

// metadataOption is what WithMetadata returns.
type metadataOption Metadata

func (m metadataOption) applyCall(o *callOptions)       { o.metadata = Metadata(m) }
func (m metadataOption) applyStream(o *streamOptions)   { o.metadata = Metadata(m) }
func (m metadataOption) applyPublish(o *publishOptions) { o.metadata = Metadata(m) }

// WithMetadata sends m along. m is read before the call that takes the option returns; the limits are
// Metadata's.
func WithMetadata(m Metadata) Option { return metadataOption(m) }
