module github.com/gantline-project/gantline

go 1.25.0

require (
	github.com/cenkalti/backoff/v4 v4.3.0
	github.com/hashicorp/yamux v0.1.2
	github.com/vmihailenco/msgpack/v5 v5.4.1
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.57.0
)

require github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
