//go:build soak

package mux

const manyPairs = 1_000_000
