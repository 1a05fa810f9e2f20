//go:build !soak

package mux

// manyPairs is how many opens a peer makes and resets in TestOpenResetPairs.
const manyPairs = 20_000
