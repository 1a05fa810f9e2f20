/* Goodbye against resume: sections 5.5, 6.8 and 9 of docs/PROTOCOL.md, checked by spin; see README.md beside this file.
 *
 * A client has session 0. Its server drains that, or not, and ends it when it likes, with a code of its choice. Or the session expires, or
 * the server's process ends, and another one answers at its address. The client may be up, away or resuming, and begins session 1 when the rules say so.
 * One call is made at any time. All steps are those of one process, since each is atomic.
 *
 * A carrier is two FIFO queues. At most C times one is cut, or an attempt given up; what was sent and not read yet may then still
 * arrive, or not. Carriers are numbered as they are dialled, and the number of an attempt's carrier is its epoch.
 *
 * Seeded errors, one at a time, with -D: see the table in README.md.
 */
#ifndef K
#define K 3
#endif
#ifndef C
#define C 1
#endif

/* type, session, then: position, or number of a frame in the log; code */
mtype = { HELLO, RESUME, PING, CALL, ACK };
mtype = { WELCOME, REFUSED, CLOSED, GONE, LOST, DRAIN, ANSWER, RESET, BYE };
chan up[K]   = [5] of { mtype, byte, byte, byte };
chan down[K] = [4] of { mtype, byte, byte, byte };
bool open[K];
byte cuts;

/* codes; EXISTS is what a superseded session ends with, NONE an end without a goodbye */
#define OK     0
#define AGAIN  1
#define AWAY   2
#define EXISTS 3
#define NONE   4

mtype = { NO, UP, BROKEN, ENDED };

/* the client: its sessions, the newest of which is c_n, and one attempt at a time */
mtype c_st[2];
byte c_k[2];                  /* carrier */
byte c_recv[2], c_sent[2];    /* frames; CALL is the only one of the client's */
bool c_app[2];                /* CALL is in the log */
byte c_n, c_next = 1;
byte a_k = K, a_s;            /* the attempt's carrier, K = none, and session */
bool drained, leaving, tried, over;

mtype = { WAITING, UNDER_WAY, ANSWERED, NOT_SENT, UNKNOWN };
mtype call = WAITING;
byte call_in;
byte runs;

/* the server; real: the client's, not only welcomed */
mtype s_st[2];                /* NO, UP (with or without a carrier), ENDED */
byte s_k[2], s_top[2];        /* carrier, and epoch */
byte s_recv[2], s_sent[2], s_len[2], s_acked[2];
mtype s_log[4];               /* two frames of each session */
bool running[2], tentative[K];
byte s_att = K;               /* a resume of session 0 between its first and last step */
byte s_drain = NONE, s_code = NONE; /* of DRAIN, of BYE */
bool closing, bye, mortal, listens = true;
bool lost;                    /* the client has learned that another process has its server's place */

#define SENT_AWAY (closing && (s_code == AWAY || s_code == OK && s_drain != AGAIN))
#define SETTLED (call == ANSWERED || call == NOT_SENT || call == UNKNOWN)
#define NEEDS (c_n == 0 && (c_st[0] == BROKEN || c_st[0] == ENDED || leaving) || \
	c_n == 1 && (c_st[1] == BROKEN || c_st[0] == BROKEN && !tried))

/* nobody reads on: what is still under way is lost */
inline wipe(q) { do :: nempty(q) -> q?_, _, _, _ :: empty(q) -> break od }

/* A write to a cut carrier goes nowhere. */
#define put(ch, k, t, s, n, code) if :: open[k] -> assert(nfull(ch[k])); ch[k]!t, s, n, code :: else -> skip fi

inline append(s, t) { assert(s_len[s] < 2); s_log[2 * s + s_len[s]] = t; s_len[s]++ }

/* ---- the client ---- */

/* session s has ended with code; known: the server has said that it took n frames, and takes no more */
inline ended(s, code, known, n) {
	if
	:: c_k[s] < K -> open[c_k[s]] = false; wipe(down[c_k[s]]); c_k[s] = K
	:: else -> skip
	fi;
	c_st[s] = ENDED;
	if
	:: c_n == s &&
#ifdef BYE_WINS_NOT
		(code == AWAY || code == EXISTS || code == OK) ->
#else
		(code == AWAY || code == EXISTS || code == OK && !leaving) ->
#endif
		assert(SENT_AWAY); /* and not asked to come again */
		over = true
	:: else -> skip
	fi;
	if
	:: call == UNDER_WAY && call_in == s ->
		if
#ifndef MOVE_BLINDLY
		:: known && n > 0 || !known && c_sent[s] > 0 -> assert(c_sent[s] > 0); call = UNKNOWN
#endif
		:: else -> call = WAITING /* goes to the next session */
		fi
	:: else -> skip
	fi;
	if
	:: over && call == WAITING -> assert(runs == 0); call = NOT_SENT
	:: else -> skip
	fi
}

inline give_up() {
	open[a_k] = false; wipe(down[a_k]); a_k = K;
	if /* a leaving session gets one attempt */
	:: a_s == 0 && leaving && c_st[0] == BROKEN -> tried = true; ended(0, NONE, false, 0)
	:: else -> skip
	fi
}

inline dial() {
	a_k = c_next; c_next++; open[a_k] = true;
	if
	:: c_st[c_n] == BROKEN -> a_s = c_n; up[a_k]!RESUME, a_s, c_recv[a_s], 0
	:: c_n == 0 && c_st[0] != BROKEN ->
		/* a client that was sent away begins no further session */
		assert(!over && (leaving || lost || !SENT_AWAY));
		a_s = 1; up[a_k]!HELLO, 1, 0, 0
	:: c_n == 1 && c_st[1] != BROKEN -> a_s = 0; up[a_k]!RESUME, 0, c_recv[0], 0
	fi
}

inline answered() {
	down[a_k]?t, s, n, code;
	if
	:: t == WELCOME && a_s == 1 && c_n == 0 ->
		if
#ifndef RENEW_OVER
		:: over -> open[a_k] = false /* BYE */
#endif
		:: else ->
			assert(!over);
			c_n = 1; c_st[1] = UP; c_k[1] = a_k; put(up, a_k, PING, 1, 0, 0)
		fi;
		a_k = K
	:: t == WELCOME && (a_s == 0 || c_n == 1) ->
		assert(c_st[a_s] == BROKEN && n <= c_sent[a_s]);
		c_st[a_s] = UP; c_k[a_s] = a_k; c_sent[a_s] = n; a_k = K;
		put(up, c_k[a_s], PING, a_s, 0, 0)
	:: t == CLOSED -> open[a_k] = false; a_k = K; ended(a_s, code, true, n)
	:: t == LOST -> open[a_k] = false; a_k = K; ended(a_s, NONE, true, n)
	:: t == GONE -> open[a_k] = false; a_k = K; lost = true; ended(a_s, NONE, false, 0)
	:: t == REFUSED -> assert(false) /* it was asked to come again */
	fi
}

inline takes(ss) {
	down[c_k[ss]]?t, s, n, code;
	if
	:: t == BYE -> ended(ss, code, true, n)
	:: else ->
		assert(n == c_recv[ss] + 1);
		c_recv[ss] = n;
		put(up, c_k[ss], ACK, ss, n, 0);
		if
		:: t == DRAIN ->
			drained = true; leaving = code == AGAIN;
			if
			:: call == WAITING && !leaving -> call = NOT_SENT
			:: else -> skip
			fi
		:: t == ANSWER -> assert(call == UNDER_WAY && call_in == ss && runs == 1); call = ANSWERED
		:: t == RESET ->
			assert(call == UNDER_WAY && call_in == ss && runs == 0);
			if
			:: leaving -> call = WAITING
			:: else -> call = NOT_SENT
			fi
		fi
	fi
}

/* ---- the server ---- */

inline drops(ss) { open[s_k[ss]] = false; wipe(up[s_k[ss]]); s_k[ss] = K }

/* It has session 0 no more. What a resume is answered with from now on depends on s_code. */
inline bury(code) {
	if
	:: s_k[0] < K -> drops(0)
	:: else -> skip
	fi;
	s_st[0] = ENDED; running[0] = false;
	s_code = code
}

inline real(k) {
	assert(s_st[1] == NO); /* never two newest */
	tentative[k] = false; s_st[1] = UP; s_k[1] = k; s_top[1] = k
}

inline no_more_tentative() {
	tentative[1] = false; tentative[2] = false;
#if K > 3
	tentative[3] = false
#endif
}

inline hears(k) {
	up[k]?t, s, n, code;
	if
	:: t == HELLO ->
#ifdef KEEP_ID
		if
		:: listens && s_st[0] == UP -> put(down, k, REFUSED, 1, 0, 0)
		:: else -> tentative[k] = true; put(down, k, WELCOME, 1, 0, 0)
		fi
#else
#ifdef SUPERSEDED
		if
		:: listens && s_st[0] == UP && !closing && s_k[0] == K && s_att == K -> bury(EXISTS)
		:: else -> skip
		fi;
#endif
		tentative[k] = true; put(down, k, WELCOME, 1, 0, 0)
#endif
	:: t == RESUME && s == 1 ->
		if
		:: s_st[1] == NO -> real(k); no_more_tentative() /* its first carrier was one of them */
		:: s_st[1] == UP && k < s_top[1] -> open[k] = false
		:: s_st[1] == UP && k >= s_top[1] ->
			if
			:: s_k[1] < K && s_k[1] != k -> drops(1)
			:: else -> skip
			fi;
			s_k[1] = k; s_top[1] = k
		fi;
		if
		:: open[k] -> s_sent[1] = n; s_acked[1] = n; put(down, k, WELCOME, 1, s_recv[1], 0)
		:: else -> skip
		fi
	:: t == RESUME && s == 0 ->
		if
		:: !listens -> put(down, k, GONE, 0, 0, 0)
#ifndef RESUME_AFTER_BYE
		:: listens && s_st[0] == UP && bye -> bury(s_code); grave(k)
#endif
		:: listens && s_st[0] == ENDED -> grave(k)
		:: listens && s_st[0] == UP && k < s_top[0] -> open[k] = false
#ifdef RESUME_AFTER_BYE
		:: listens && s_st[0] == UP && k >= s_top[0] ->
#else
		:: listens && s_st[0] == UP && !bye && k >= s_top[0] ->
#endif
			s_top[0] = k;
			if
			:: s_k[0] < K -> drops(0)
			:: else -> skip
			fi;
			s_sent[0] = n; s_acked[0] = n; s_att = k
		fi
	:: t == PING ->
		if
		:: tentative[k] -> real(k)
		:: else -> skip
		fi
	:: t == ACK ->
		if
		:: s_k[s] == k -> assert(s_acked[s] <= n && n <= s_sent[s]); s_acked[s] = n
		:: else -> skip
		fi
	:: t == CALL ->
		if
#ifdef LATE_BYE
		:: s_k[s] == k && s_st[s] == UP ->
#else
		:: s_k[s] == k && s_st[s] == UP && !(s == 0 && bye) ->
#endif
			assert(s_recv[s] == 0); s_recv[s] = 1;
			if
#ifdef LATE_BYE
			:: s == 0 && s_drain != NONE && !bye -> append(0, RESET)
#else
			:: s == 0 && s_drain != NONE -> append(0, RESET)
#endif
			:: else -> runs++; running[s] = true; assert(runs == 1 && call != NOT_SENT) /* nothing is run twice */
			fi
		:: else -> skip
		fi
	fi;
	t = 0; s = 0; n = 0; code = 0
}

/* the tombstone of session 0 answers */
inline grave(k) {
	if
#ifdef FORGET_CODE
	:: true -> put(down, k, LOST, 0, s_recv[0], 0)
#else
	:: s_code == NONE -> put(down, k, LOST, 0, s_recv[0], 0)
#ifndef PLAIN_GRAVE
	/* a client that did not hear DRAIN must learn what that said */
	:: s_code == OK && s_drain == AGAIN -> put(down, k, CLOSED, 0, s_recv[0], AGAIN)
	:: s_code != NONE && !(s_code == OK && s_drain == AGAIN) -> put(down, k, CLOSED, 0, s_recv[0], s_code)
#else
	:: s_code != NONE -> put(down, k, CLOSED, 0, s_recv[0], s_code)
#endif
#endif
	fi
}

inline drain(code) { s_drain = code; append(0, DRAIN) }

inline end(code) {
	closing = true; s_code = code;
	if
	:: s_drain == NONE -> drain(code)
	:: else -> skip
	fi
}

inline writes(ss) {
	n = s_sent[ss];
	s_sent[ss]++;
	put(down, s_k[ss], s_log[2 * ss + n], ss, n + 1, s_drain);
	n = 0
}

#define up_ready(k) (nempty(up[k]) && (up[k]?[HELLO] || up[k]?[RESUME] && s_att == K || tentative[k] || s_k[0] == k || s_k[1] == k))

active proctype All() {
	mtype t;
	byte s, n, code;
	atomic {
		c_st[0] = UP; c_st[1] = NO; c_k[1] = K; open[0] = true;
		s_st[0] = UP; s_st[1] = NO; s_k[1] = K;
		if
		:: mortal = true
		:: skip /* nothing but a goodbye ends the session of a client that stays */
		fi
	}
	do
	/* the client */
	:: atomic { !over && a_k == K && c_next < K && NEEDS -> dial() }
	:: atomic { a_k < K && nempty(down[a_k]) -> answered(); t = 0; s = 0; n = 0; code = 0 }
	:: atomic { a_k < K && !open[a_k] -> give_up() }
	:: atomic { a_k < K && open[a_k] && cuts < C -> cuts++; give_up() }
	:: atomic { !over && c_st[0] == UP && nempty(down[c_k[0]]) -> takes(0); t = 0; s = 0; n = 0; code = 0 }
	:: atomic { !over && c_st[1] == UP && nempty(down[c_k[1]]) -> takes(1); t = 0; s = 0; n = 0; code = 0 }
	:: atomic { !over && c_st[0] == UP && !open[c_k[0]] -> c_st[0] = BROKEN; wipe(down[c_k[0]]); c_k[0] = K }
	:: atomic { !over && c_st[1] == UP && !open[c_k[1]] -> c_st[1] = BROKEN; wipe(down[c_k[1]]); c_k[1] = K }
	:: atomic { !over && call == WAITING && (c_st[c_n] == UP || c_st[c_n] == BROKEN) && (c_n == 1 || !drained) ->
		call = UNDER_WAY; call_in = c_n; c_app[c_n] = true }
	:: atomic { !over && c_app[0] && c_sent[0] == 0 && c_st[0] == UP -> c_sent[0] = 1; put(up, c_k[0], CALL, 0, 1, 0) }
	:: atomic { !over && c_app[1] && c_sent[1] == 0 && c_st[1] == UP -> c_sent[1] = 1; put(up, c_k[1], CALL, 1, 1, 0) }
	/* a retired session whose only attempt has failed */
	:: atomic { c_n == 1 && c_st[0] == BROKEN && tried && a_k == K -> ended(0, NONE, false, 0) }

	/* the server */
	:: atomic { up_ready(0) -> hears(0) }
	:: atomic { up_ready(1) -> hears(1) }
	:: atomic { up_ready(2) -> hears(2) }
#if K > 3
	:: atomic { up_ready(3) -> hears(3) }
#endif
	:: atomic { s_att < K && s_st[0] == UP ->
		s_k[0] = s_att; put(down, s_att, WELCOME, 0, s_recv[0], 0); s_att = K }
	:: atomic { s_st[0] == UP && !bye && s_k[0] < K && s_sent[0] < s_len[0] -> writes(0) }
	:: atomic { s_st[1] == UP && s_k[1] < K && s_sent[1] < s_len[1] -> writes(1) }
	:: atomic { s_k[0] < K && !open[s_k[0]] -> drops(0) }
	:: atomic { s_k[1] < K && !open[s_k[1]] -> drops(1) }
	:: atomic { running[0] && !bye -> running[0] = false; append(0, ANSWER) }
	:: atomic { running[1] -> running[1] = false; append(1, ANSWER) }

	:: atomic { s_st[0] == UP && s_drain == NONE -> if :: drain(AGAIN) :: drain(AWAY) fi }
	:: atomic { s_st[0] == UP && !closing -> if :: end(OK) :: end(AGAIN) :: end(AWAY) fi }
	:: atomic { s_st[0] == UP && closing && !bye && s_k[0] < K && s_acked[0] == s_len[0] ->
		bye = true; put(down, s_k[0], BYE, 0, s_recv[0], s_code) }
	/* BYE was answered, or the time for all that is up */
#ifdef RESUME_AFTER_BYE
	:: atomic { s_st[0] == UP && closing && s_att == K && !(bye && s_k[0] < K && open[s_k[0]]) -> bury(s_code) }
#else
	:: atomic { s_st[0] == UP && closing && s_att == K -> bury(s_code) }
#endif
	/* expired */
	:: atomic { s_st[0] == UP && !closing && s_k[0] == K && s_att == K -> bury(NONE) }
	/* the listener is gone, and perhaps the process */
	:: atomic { mortal && listens -> listens = false }
	:: atomic { !listens && s_st[0] == UP && s_att == K -> bury(s_code) }

	/* the cable */
	:: atomic { cuts < C && open[0] -> cuts++; open[0] = false }
	:: atomic { cuts < C && open[1] -> cuts++; open[1] = false }
	:: atomic { cuts < C && open[2] -> cuts++; open[2] = false }
#if K > 3
	:: atomic { cuts < C && open[3] -> cuts++; open[3] = false }
#endif
	/* a HELLO, or the first frame after WELCOME, that does not arrive */
	:: atomic { !open[1] && (nempty(up[1]) || tentative[1]) && s_k[0] != 1 && s_k[1] != 1 -> wipe(up[1]); tentative[1] = false }
	:: atomic { !open[2] && (nempty(up[2]) || tentative[2]) && s_k[0] != 2 && s_k[1] != 2 -> wipe(up[2]); tentative[2] = false }
#if K > 3
	:: atomic { !open[3] && (nempty(up[3]) || tentative[3]) && s_k[0] != 3 && s_k[1] != 3 -> wipe(up[3]); tentative[3] = false }
#endif

	/* The client was sent away, has its next session alone, or keeps trying. */
	:: atomic { over && SETTLED -> break }
	:: atomic { !over && c_n == 1 && c_st[1] == UP && c_st[0] == ENDED && SETTLED -> break }
	:: atomic { !over && c_next == K && a_k == K && NEEDS -> break }
	od
}
