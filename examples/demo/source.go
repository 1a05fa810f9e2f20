package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// source is the file that is pushed: its bytes, and how many there are.
type source struct {
	io.Reader
	io.Closer
	name string
	size int64 // bytes
}

// source opens the file, or makes up data that is the same in every run.
func (o *options) source() (*source, error) {
	if o.File == "" {
		size := o.Size << 20
		r := rand.NewChaCha8([32]byte([]byte("gantline demo: generated content")))
		return &source{Reader: io.LimitReader(r, size), Closer: io.NopCloser(nil), name: fmt.Sprintf("%d MiB generated", o.Size), size: size}, nil
	}
	f, err := os.Open(o.File)
	if err != nil {
		return nil, fmt.Errorf("-file: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", o.File)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("-file: %w", err)
	}
	// Bytes appended while the demo runs are left out, so that the progress bar is right.
	return &source{Reader: io.LimitReader(f, info.Size()), Closer: f, name: o.File, size: info.Size()}, nil
}

// paced reads from r at no more than rate bytes a second.
type paced struct {
	r     io.Reader
	rate  float64
	start time.Time
	n     int64
	sleep func(time.Duration)
}

func (p *paced) Read(b []byte) (int, error) {
	if p.rate <= 0 {
		return p.r.Read(b)
	}
	if len(b) > 64<<10 {
		b = b[:64<<10]
	}
	ahead := time.Duration(float64(p.n)/p.rate*float64(time.Second)) - time.Since(p.start)
	if ahead > 0 {
		p.sleep(ahead)
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}
