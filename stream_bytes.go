package gantline

import (
	"io"
	"time"

	"github.com/gantline-project/gantline/mux"
)

// byteStream is what a Stream needs of what carries its bytes.
type byteStream interface {
	io.ReadWriteCloser
	io.ReaderFrom
	io.WriterTo
	ID() uint64
	Name() string
	Metadata() []byte
	Opened() bool
	Reached() bool
	Accept()
	CloseWrite() error
	CloseRead() error
	Reset(code Code, text string) error
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

var (
	_ byteStream = (*mux.Stream)(nil)
	_ byteStream = noBytes(false)
)

// noBytes is the first stream of an End whose peer has none. It tells whether this side dialled.
type noBytes bool

var errNoBytes = unsupported("the End's own stream", "")

func (noBytes) ID() uint64       { return 0 }
func (noBytes) Name() string     { return "" }
func (noBytes) Metadata() []byte { return nil }
func (b noBytes) Opened() bool   { return bool(b) }
func (noBytes) Reached() bool    { return true }
func (noBytes) Accept()          {}

func (noBytes) Read([]byte) (int, error)           { return 0, errNoBytes }
func (noBytes) Write([]byte) (int, error)          { return 0, errNoBytes }
func (noBytes) ReadFrom(io.Reader) (int64, error)  { return 0, errNoBytes }
func (noBytes) WriteTo(io.Writer) (int64, error)   { return 0, errNoBytes }
func (noBytes) Close() error                       { return errNoBytes }
func (noBytes) CloseWrite() error                  { return errNoBytes }
func (noBytes) CloseRead() error                   { return errNoBytes }
func (noBytes) Reset(Code, string) error           { return errNoBytes }
func (noBytes) SetDeadline(time.Time) error        { return errNoBytes }
func (noBytes) SetReadDeadline(t time.Time) error  { return errNoBytes }
func (noBytes) SetWriteDeadline(t time.Time) error { return errNoBytes }
