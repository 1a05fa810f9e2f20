//go:build !linux

package conn

import "net"

// openSocket returns nil: reads and writes are package net's.
func openSocket(net.Conn) socket { return nil }
