//go:build soak

package promise

// The full counts, see counts_test.go for what they mean.
const (
	soak = true

	childRuns     = 1000
	greetings     = 100_000
	greetingEnds  = 2_000
	pushes        = 1000
	bigCalls      = 40
	manyCalls     = 100
	nestedCalls   = 20
	publishes     = 500_000
	unreadRounds  = 15
	freshPeers    = 2_500
	idleStreams   = 100_000
	hostilePeers  = 30
	legitimate    = 300
	cancellations = 500
	closings      = 300
)
