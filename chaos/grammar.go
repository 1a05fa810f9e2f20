package chaos

// Grammar explains in plain text how rules are written, with examples. It is the part of the package comment
// that programs print as their help.
const Grammar = `rule     = fault [ "@" trigger ] [ "#" conns ]

fault    = "rst"                             both ends get ECONNRESET
         | "fin"                             both ends get EOF, what they still send is swallowed
         | "half" side                       one way gets EOF, the other goes on
         | "flip" side [ ":" N ]             flips one bit in each of the next N bytes (1)
         | "stall" side                      nothing is forwarded and nothing is read
         | "blackhole" side                  all is swallowed; new connections lead nowhere
         | "drip" side ":" N "/" TIME        N bytes, then a pause, and again
         | "cap" side ":" N "/s"             at most N bytes per second
         | "latency" side ":" TIME [ "+-" TIME ]   later, give or take, in order
         | "outage"                          connections are reset and new ones refused
         | "flap" ":" TIME "/" TIME          time up, then time of outage, and again
side     = [ ".up" | ".down" | ".both" ]

trigger  = event ":" at [ "-" at ] [ "+" TIME [ "-" TIME ] ]
event    = [ "total." ] ( "up" | "down" | "both" ) [ ".every" ]   at a number of bytes
         | "age" [ ".every" ]                so long after the connection was accepted
         | "t" | "every"                     so long after the start, or each time it is over

conns    = N [ "-" [ N ] ]                   numbered from 1 as they were accepted

N and bytes: 1000, 64K, 8M, 1G (powers of 1024). TIME: 500us, 20ms, 1m30s.

Up is from the dialing end to the target, down is back. "A-B" is drawn from A to B
by the seed, with .every anew each time. "+TIME" is how long a fault lasts; without
it, to the end. Without a side half and flip act on the side that the trigger counts,
everything else on both. A trigger on up, down, both or age acts on its own
connection, one on total, t or every on all that conns covers (outage and flap
always on all).

rst@up:1000                  reset each connection after exactly 1000 bytes up
rst@down:1-2000#2            the second one, after a random number of bytes down
half.down@total.both:1M      EOF to the dialing ends when 1 MiB has passed in all
flip.down@up:64K             the next byte down after 64 KiB up
stall@age:1s+500ms           each connection, one second old, for half a second
blackhole@t:2s+3s            from second 2 to second 5
rst@every:100ms-300ms        a cut now and then
flap:100ms/100ms             up 100 ms, down 100 ms, and so on
latency:20ms+-5ms            from the start
drip.up:1/10ms@up:200#3-     from the third connection on, byte by byte from the 201st
`
