// Package sim plays schedules: each seed is a small world of one client and one server. An adversary delays, splits,
// cuts, silences and holds back their connections. Servers are killed, and outages outlast a session. What the receiving
// applications saw decides. The package has no code of its own.
//
// # Usage
//
// "go test ./internal/sim" plays the first seeds, "-schedules 100000" more of them, "-seed 123 -schedules 1" plays number
// 123 again. A failure prints that command together with what the adversary did. With -v it reports what kinds of
// schedules there were and what happened in them.
//
// The whole stack is under test: client.Dial with a dial function, server.Listener, and only the public API above them.
// Time is testing/synctest's, connections are internal/memnet's. Streams are echoed both ways, calls of all sizes call
// back, are given up and time out, messages and notifies are numbered. A tenth of the schedules has no fault at all.
// There nothing may wait for later traffic, as it can after random cuts, and everything must be acknowledged within the
// time that the protocol gives.
//
// Without a lost session: no byte is lost, repeated or changed; each message and notify comes once and in order; each
// call runs once and is answered. With one: the reports agree with what was run. In both: nothing hangs, no goroutine is
// left, an idle log holds no memory.
//
// # What a seed fixes
//
// It fixes the work, the settings, the times of restarts and migrations, and everything that happens to the n-th
// connection, at byte offsets of either direction or at times after it was made. It does not fix which goroutine runs
// first at one instant, nor the product's own jitter and keys, which are random: after the first connection, bytes may be
// grouped differently in another run. A failure that depends on such a choice may need its seed to be played more than
// once (-count 100).
//
// # Concurrency
//
// Schedules run in parallel, each in a bubble of its own. A world's ledger has one lock.
//
// # Errors
//
// A failed schedule prints its seed, the command that plays it again and its trace. One that hangs ends after ten minutes
// of its own time and names what was not done.
package sim
