// Package chaos breaks connections on purpose, the same way each time. It has a TCP
// proxy and a net.Conn wrapper that reset, end, stall, swallow, slow, delay and falsify
// what passes through them, at an exact byte or at a given time.
//
// # Usage
//
// A Proxy stands in front of a server. This one resets the first connection after
// exactly 1000 bytes up, and delays everything:
//
//	p, err := chaos.Listen("127.0.0.1:0", serverAddr, &chaos.Config{
//		Rules: chaos.MustParse("rst@up:1000#1", "latency:20ms+-5ms"),
//		Seed:  7,
//	})
//	defer p.Close()
//	nc, err := net.Dial("tcp", p.Addr())
//
// Faults can also be injected:
//
//	p.Cut()                               // reset every connection now
//	p.Inject(chaos.MustFault("stall"), 2) // stall connection 2
//	p.Heal()                              // end what lasts
//
// Wrap does the same to a net.Conn within the process, also to one of a network in memory
// under testing/synctest. A Group shares rules, numbers and counters between
// several wrapped connections. The program in cmd/chaosproxy is a Proxy with flags.
//
// # Rules
//
// A rule is a fault, when it happens (default: from the start), and for which
// connections (default: all):
//
//	rule     = fault [ "@" trigger ] [ "#" conns ]
//
//	fault    = "rst"                             both ends get ECONNRESET
//	         | "fin"                             both ends get EOF, what they still send is swallowed
//	         | "half" side                       one way gets EOF, the other goes on
//	         | "flip" side [ ":" N ]             flips one bit in each of the next N bytes (1)
//	         | "stall" side                      nothing is forwarded and nothing is read
//	         | "blackhole" side                  all is swallowed; new connections lead nowhere
//	         | "drip" side ":" N "/" TIME        N bytes, then a pause, and again
//	         | "cap" side ":" N "/s"             at most N bytes per second
//	         | "latency" side ":" TIME [ "+-" TIME ]   later, give or take, in order
//	         | "outage"                          connections are reset and new ones refused
//	         | "flap" ":" TIME "/" TIME          time up, then time of outage, and again
//	side     = [ ".up" | ".down" | ".both" ]
//
//	trigger  = event ":" at [ "-" at ] [ "+" TIME [ "-" TIME ] ]
//	event    = [ "total." ] ( "up" | "down" | "both" ) [ ".every" ]   at a number of bytes
//	         | "age" [ ".every" ]                so long after the connection was accepted
//	         | "t" | "every"                     so long after the start, or each time it is over
//
//	conns    = N [ "-" [ N ] ]                   numbered from 1 as they were accepted
//
//	N and bytes: 1000, 64K, 8M, 1G (powers of 1024). TIME: 500us, 20ms, 1m30s.
//
// Up is from the dialing end to the target, down is back. "A-B" is drawn from A to B
// by the seed, with .every anew each time. "+TIME" is how long a fault lasts; without
// it, to the end. Without a side half and flip act on the side that the trigger counts,
// everything else on both. A trigger on up, down, both or age acts on its own
// connection, one on total, t or every on all that conns covers (outage and flap
// always on all).
//
//	rst@up:1000                  reset each connection after exactly 1000 bytes up
//	rst@down:1-2000#2            the second one, after a random number of bytes down
//	half.down@total.both:1M      EOF to the dialing ends when 1 MiB has passed in all
//	flip.down@up:64K             the next byte down after 64 KiB up
//	stall@age:1s+500ms           each connection, one second old, for half a second
//	blackhole@t:2s+3s            from second 2 to second 5
//	rst@every:100ms-300ms        a cut now and then
//	flap:100ms/100ms             up 100 ms, down 100 ms, and so on
//	latency:20ms+-5ms            from the start
//	drip.up:1/10ms@up:200#3-     from the third connection on, byte by byte from the 201st
//
// # Exactness
//
// A fault at n bytes happens after exactly n bytes were handed to the receiver's side and
// before the next one is. More of the sender's bytes may have been read; they are dropped.
// A reset discards what is still in the buffers of the resetting machine. A reset
// at an exact offset therefore waits until the bytes before it have left: on Linux
// it asks the kernel, elsewhere it waits 20 ms. Linux lets a receiver read what
// arrived before the reset; other systems discard what was not read by then. A receiver that
// does not read delays the reset by Config.Settle at most; Counters.Unsettled counts
// that. A client that is reset before it has sent anything may see ECONNRESET
// from its dial. Resets by time, by Cut, by Inject and by flap do not wait.
//
// An offset on both sides, or on the total, is as exact. Lanes that write at the
// same time wait for each other there, so a receiver that does not read holds up the others at the offset.
//
// TCP never delivers a stream with a hole. If a blackhole swallowed bytes of a connection,
// that connection stays silent after the blackhole, until one of
// its ends closes; then the other is reset. Use stall for an interruption that loses nothing.
//
// # Determinism
//
// For a given list of rules and a seed, rule i, connection number k and the j-th time
// determine the random offsets, times and durations, the flipped bits, and the sequence of
// jitters in each direction. Neither the clock nor other connections matter. Not
// determined are: which of several simultaneous dials gets which number, at which byte a fault by
// time strikes, and how a stream is cut into the pieces to which jitters are applied.
//
// # Concurrency
//
// All methods may be called from any goroutine at any time. A Proxy has a
// goroutine that accepts and three for each connection; a Conn has three. The
// Close methods of Proxy and Group end them and wait for them. Those of a Conn end by themselves,
// at the latest one second after its Close. One mutex per group guards all state and is not held
// during I/O.
//
// # Errors
//
//   - *RuleError: a rule is invalid; it names the rule and what is valid.
//   - ErrNotLoopback: an address that Listen refuses without Config.AllowRemote.
//   - net.ErrClosed: the Group, the Proxy or the Conn was closed here before.
//   - a Conn returns what a socket would: io.EOF, *net.OpError with
//     syscall.ECONNRESET, syscall.EPIPE, os.ErrDeadlineExceeded or net.ErrClosed.
package chaos
