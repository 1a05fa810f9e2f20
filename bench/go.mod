module github.com/gantline-project/gantline/bench

go 1.25.0

require (
	github.com/gantline-project/gantline v0.0.0
	github.com/hashicorp/yamux v0.1.2
	github.com/libp2p/go-yamux/v5 v5.1.0
	github.com/xtaci/smux v1.5.56
)

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/libp2p/go-buffer-pool v0.0.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/gantline-project/gantline => ../
