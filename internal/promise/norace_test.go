//go:build !race

package promise

const raced = false
