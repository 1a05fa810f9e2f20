/* Which sessions are bound to TLS, section 9.3 of docs/PROTOCOL.md, checked by spin; see README.md beside this file.
 *
 * A client and a server make a session and resume it, each time over another path. Somebody on the way may
 * change what HELLO and WELCOME say of TLS, on every path, also on one where TLS would not let him. He may
 * take a proof away and show it on a connection of his own. He does not know the session's secret, and makes
 * no proofs.
 *
 * A secret is what it is derived from: the hash in the first HELLO and the bit in its WELCOME, as each side has
 * sent or received them. A proof is what it covers. A hash stands for itself: no two exporters have the same.
 *
 * Seeded errors, one at a time, with -D: see the table in README.md.
 */
#ifndef RESUMES
#define RESUMES 3
#endif

/* what is exported on carrier k: at the client's end, at the server's when it is another connection, and at the
 * thief's own connection; 0 = no TLS 1.3 there */
#define NEAR(k)  (1 + 3 * (k))
#define FAR(k)   (2 + 3 * (k))
#define THIEF(k) (3 + 3 * (k))

byte c_sees, s_sees;            /* on the carrier there is */
bool direct;                    /* began where both see the same */
bool honest = true;             /* nobody has meddled with the first handshake */
bool c_bound, s_bound;          /* what each side holds for agreed */
byte c_hash, s_hash;            /* of the first HELLO, as sent and as received */
bool c_bit, s_bit;              /* of its WELCOME, as received and as sent */

/* a HELLO of a resume: its hash, and what its proof covers */
byte said, proof_hash, proof_exported;
bool proof_bound;

bool moved, meddled, taken, back;

/* over which TLS: one connection, a proxy that ends one and begins another, or one side without */
inline path(k) {
	if
	:: c_sees = NEAR(k); s_sees = NEAR(k)
	:: c_sees = NEAR(k); s_sees = FAR(k)
	:: c_sees = NEAR(k); s_sees = 0
	:: c_sees = 0; s_sees = FAR(k)
	:: c_sees = 0; s_sees = 0
	fi
}

/* anything that the meddler may put into a hash: none, what is exported at either end, something else */
inline meddle(h) {
	if
	:: true
	:: h != 0 -> h = 0; meddled = true
	:: h != c_sees && c_sees != 0 -> h = c_sees; meddled = true
	:: h != s_sees && s_sees != 0 -> h = s_sees; meddled = true
	:: h = 255; meddled = true
	fi
}

inline turn(b) {
	if
	:: true
	:: b = !b; meddled = true
	fi
}

#ifdef UNCOVERED
#define SAME_SECRET true
#else
#define SAME_SECRET (c_hash == s_hash && c_bit == s_bit)
#endif

/* the first handshake; a client that was answered with a bit it has not offered hangs up */
inline first() {
	path(0);
	direct = (c_sees == s_sees && c_sees != 0);
	c_hash = c_sees; s_hash = c_hash;
	meddle(s_hash);
#ifdef BIND_BLINDLY
	s_bit = (s_hash != 0 && s_sees != 0);
#else
	s_bit = (s_hash != 0 && s_hash == s_sees);
#endif
	c_bit = s_bit;
	turn(c_bit);
	honest = !meddled;
	c_bound = c_bit; s_bound = s_bit
}

/* HELLO of a resume on carrier k */
inline greet() {
	said = (c_bound -> c_sees : 0);
	proof_bound = c_bound; proof_hash = said;
	proof_exported = said
}

/* the server's look at it */
inline verify() {
#ifdef PER_CARRIER
	/* the proof covers the hash, and a difference only means that there is a proxy */
	taken = SAME_SECRET && proof_hash == said
#else
	taken = SAME_SECRET && proof_bound == s_bound && proof_hash == said &&
#ifdef EXPORTER_LEFT_OUT
		true;
#else
		(!s_bound || (s_sees != 0 && proof_exported == s_sees));
#endif
#ifdef MODE_FROM_HELLO
	s_bound = (said != 0)
#endif
#endif
}

init {
	byte k = 1;
	bool answer;
	first();
	if
	:: c_bit && c_hash == 0 -> goto over
	:: else
	fi;
	do
	:: k > RESUMES -> break
	:: k <= RESUMES ->
		atomic {
		path(k);
		meddled = false; moved = false; taken = false; back = false;
		if
		:: c_bound && c_sees == 0 -> goto next   /* the client sends nothing */
		:: else
		fi;
		greet();
		/* the proof is shown somewhere else */
		if
		:: true
		:: s_sees = THIEF(k); moved = true
		:: s_sees = 0; moved = true
		fi;
		meddle(said);
		verify();
		/* nobody in between in a session that began without anybody */
		assert(!taken || !direct || (!moved && c_sees == s_sees));
		/* nobody has made it plain */
		assert(!taken || !direct || (c_bound && s_bound));
		/* a first handshake that somebody has changed leads nowhere */
		assert(!taken || honest);
		/* both sides mean the same by it */
		assert(!taken || c_bound == s_bound);
		/* only what is wrong is refused: a session with whose first handshake nobody has meddled is resumed over any
		 * path, or, if it began where both sides see the same, over any such path */
		assert(taken || !honest || meddled || moved || (direct && c_sees != s_sees));
		if
		:: taken ->
			/* WELCOME, whose proof covers HELLO and bit */
			answer = s_bound;
			turn(answer);
			back = SAME_SECRET && c_bound == s_bound && answer == s_bound && (!c_bound || c_sees == s_sees);
			/* the client goes on with what the server has said, and with nothing else */
			assert(back == (!meddled && (!moved || !c_bound)))
		:: else
		fi;
		}
next:		k++
	od;
over:	skip
}
