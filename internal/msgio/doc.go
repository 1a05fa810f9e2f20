// Package msgio sends messages over a byte stream, each as its length in four bytes and then its bytes.
//
// # Usage
//
//	w := msgio.Writer{W: stream}
//	n, err := w.Write(msg)
//
//	r := msgio.Reader{R: stream, Limit: 4 << 20}
//	msg, err := r.Next()
//
// A Reader goes on where it stopped: after an error that is not the end of the stream, a passed deadline for instance,
// Next may be called again and nothing is lost. A Writer cannot go on. What it has sent of a message tells whether the
// stream is still good: nothing, or all of Size.
//
// # Concurrency
//
// A Reader and a Writer each belong to one goroutine at a time.
//
// # Errors
//
// Those of the stream, unchanged. At io.EOF, Partial tells whether the stream ended inside a message. A message over
// the limit is a *TooLongError, and stays that.
package msgio
