//go:build !soak

package promise

// How often things are done in a plain run; counts_soak_test.go has the full counts.
const (
	soak = false

	childRuns     = 15     // processes per way to end
	greetings     = 3_000  // streams whose acceptor writes first
	greetingEnds  = 50     // connections whose acceptor writes first
	pushes        = 15     // files of 8 MiB
	bigCalls      = 3      // calls of each of the 32 callers with 1 MiB
	manyCalls     = 5      // calls of each of the 2048 callers
	nestedCalls   = 1      // calls of each of the 1000 callers per side
	publishes     = 10_000 // per side and mode
	unreadRounds  = 5      // measurements with and without 100 streams that nobody reads
	freshPeers    = 150    // connections per direction and kind of first word
	idleStreams   = 10_000
	hostilePeers  = 8 // of each kind
	legitimate    = 30
	cancellations = 20 // calls per direction
	closings      = 10 // Ends closed under each kind of load
)
