/* The handshake and resume of docs/PROTOCOL.md, checked by spin; see README.md beside this file.
 *
 * A client and a server exchange N frames each way over at most K carriers. The session has one at a time, but the
 * client may ask for it over two at once. A carrier is two FIFO queues. It may be cut between any two steps: what
 * was sent and not read yet may then still arrive, or not. The last carrier is not cut, so that everything must get through in the end.
 *
 * Seeded errors, one at a time, with -D: see the table in README.md.
 */
#ifndef N
#define N 2
#endif
#ifndef K
#define K 3
#endif

mtype = { HELLO, RESUME, WELCOME, STALE, GONE, DATA, ACK };

/* type, epoch of RESUME or number of DATA, position */
chan up[K]   = [N + 3] of { mtype, byte, byte };
chan down[K] = [N + 3] of { mtype, byte, byte };
bool open[K];          /* dialled and not cut */
bool tentative[K];     /* WELCOME was said, and nothing has come after it */

mtype = { NONE, LIVE, EXPIRED };   /* the server's session */
mtype = { DOWN, WAITING, RUNNING, LOST };     /* the client */

mtype server = NONE;
mtype client = DOWN;

byte c_cur, c_next, c_epoch;                  /* carriers are numbered as they are dialled */
byte c_sent, c_acked, c_recv, c_told;         /* frames; told is what the peer knows of recv */
bool c_had;                                   /* there was a session */
byte c_alt = K;                               /* the carrier of another attempt that is under way; K = none */
byte c_ep[K];                                 /* the epoch of the attempt over each carrier */
bool c_spent;                                 /* the server has seen c_epoch */
byte s_cur = K, s_epoch;
byte s_sent, s_acked, s_recv, s_told;
byte expiries;
bool over;                                    /* the client has what it wants, or the session is lost */

#define ALL (c_recv == N && s_recv == N && c_acked == N && s_acked == N)
#define CAN_CUT (c_next < K)                  /* another carrier can still be dialled */

/* A full queue is a full socket buffer: the write waits. A write to a cut carrier goes nowhere. */
#define PUT(ch, k, t, a, b) if :: open[k] && nfull(ch[k]) -> ch[k]!t, a, b :: !open[k] -> skip fi

/* one acknowledgement, checked as the receiver checks it */
#define VALID(acked, pos, sent) (acked <= pos && pos <= sent)

/* a resume over the next carrier; attempts that are under way at once have one epoch */
inline attempt() {
	if
	:: c_alt < K && !c_spent -> skip
	:: else -> c_epoch++; c_spent = false
	fi;
	c_ep[c_cur] = c_epoch;
	up[c_cur]!RESUME, c_epoch, c_recv
}

/* the attempt over c_cur is over; the other one may go on */
inline given_up() {
	open[c_cur] = false;
	if
	:: c_alt < K -> c_cur = c_alt; c_alt = K
	:: else -> client = DOWN
	fi
}

/* what a carrier of an attempt brings */
inline answered(k) {
	if /* it is c_cur from now on */
	:: k == c_alt -> w = c_cur; c_cur = c_alt; c_alt = w
	:: else -> skip
	fi;
	if
	:: down[c_cur]?WELCOME, a, p ->
		if
#ifndef OLD_ANSWER
		:: c_had && c_ep[c_cur] != c_epoch -> given_up() /* the server may still take the newer one */
#endif
		:: else ->
			if
			:: c_had ->
				assert(VALID(c_acked, p, c_sent));
#if defined(RESEND_ALL)
				c_sent = c_acked;
#elif !defined(NO_REWIND)
				c_sent = p;
#endif
				c_acked = p; c_told = c_recv
			:: else -> c_had = true
			fi;
			if
			:: c_alt < K -> open[c_alt] = false; c_alt = K
			:: else -> skip
			fi;
			client = RUNNING; c_spent = true
		fi
	:: down[c_cur]?STALE, a, p ->
		if
		:: a >= c_epoch -> c_epoch = a; c_spent = true
		:: else -> skip
		fi;
		given_up()
	:: down[c_cur]?GONE, a, p -> assert(server != LIVE); client = LOST
	fi
}

proctype Client() {
	byte a, p, w;
	do
	:: atomic { client == DOWN && c_next < K ->
		c_cur = c_next; c_next++; open[c_cur] = true;
		client = WAITING;
		if
		:: !c_had -> up[c_cur]!HELLO, 0, 0
		:: else -> attempt()
		fi }
	/* an attempt takes long, or the server has seen its epoch: another one begins beside it */
	:: atomic { client == WAITING && c_had && c_alt == K && (c_next < K - 1 || c_spent && c_next < K) ->
		c_alt = c_cur; c_cur = c_next; c_next++; open[c_cur] = true;
		attempt() }

	:: atomic { client == WAITING && nempty(down[c_cur]) -> answered(c_cur) }
	:: atomic { client == WAITING && c_alt < K && nempty(down[c_alt]) -> answered(c_alt) }

	:: atomic { client == RUNNING && c_sent < N && (!open[c_cur] || nfull(up[c_cur])) ->
		c_sent++;
#ifdef TRIM_ON_WRITE
		c_acked = c_sent;
#endif
		PUT(up, c_cur, DATA, c_sent, 0) }
	:: atomic { client == RUNNING && down[c_cur]?[DATA] -> down[c_cur]?DATA, a, p ->
		assert(a == c_recv + 1); c_recv++ }
	:: atomic { client == RUNNING && down[c_cur]?[ACK] -> down[c_cur]?ACK, a, p ->
		assert(VALID(c_acked, p, c_sent)); c_acked = p }
	:: atomic { client == RUNNING && c_told < c_recv && (!open[c_cur] || nfull(up[c_cur])) ->
		c_told = c_recv; PUT(up, c_cur, ACK, 0, c_recv) }
#ifdef DELIVER_OLD
	/* the reader of an older carrier was not stopped */
	:: atomic { c_cur > 0 && down[c_cur - 1]?[DATA] -> down[c_cur - 1]?DATA, a, p ->
		assert(a == c_recv + 1); c_recv++ }
#endif
	/* the carrier is gone, or an attempt takes too long */
	:: atomic { client == RUNNING && !open[c_cur] && c_next < K -> client = DOWN }
	:: atomic { client == WAITING && !open[c_cur] && (c_alt < K || c_next < K) -> given_up() }
	:: atomic { client == WAITING && CAN_CUT -> given_up() }
	:: atomic { client == WAITING && c_alt < K && (CAN_CUT || !open[c_alt]) -> open[c_alt] = false; c_alt = K }
	:: atomic { client == LOST || (client == RUNNING && ALL) -> over = true; break }
	od
}

/* A first connect makes a session of its own, which becomes real - owner of the client's id - with the first
 * frame after WELCOME or with a resume. A client that waits for its first session must never meet a real one:
 * that would be the ghost of a lost WELCOME, which locks it out. */
inline hello(k) {
	if
	:: server == NONE ->
#ifdef GHOST
		server = LIVE; s_cur = k;
#else
		tentative[k] = true;
#endif
		PUT(down, k, WELCOME, 0, 0)
	:: else -> assert(!(client == WAITING && c_cur == k))
	fi
}

/* what a carrier brings makes its session real */
inline first(k) {
	if
	:: tentative[k] -> tentative[k] = false; assert(server == NONE); server = LIVE; s_cur = k
	:: else -> skip
	fi
}

/* The server takes a RESUME in steps: fence the old epoch, join its reader, then read the position. */
inline resume(k, e, pos) {
	if
	:: server == EXPIRED -> PUT(down, k, GONE, 0, 0)
	:: else ->
		/* a client that proves the session has got its WELCOME: it is real from now on */
		server = LIVE; tentative[0] = false; tentative[1] = false;
#if K > 3
		tentative[2] = false;
#endif
		if
#ifndef OLD_EPOCH
		:: e <= s_epoch -> PUT(down, k, STALE, s_epoch, 0)
#endif
		:: else ->
			assert(VALID(s_acked, pos, s_sent));
			s_epoch = e;
			if
			:: s_cur < K -> open[s_cur] = false
			:: else -> skip
			fi;
			s_cur = k;
			s_acked = pos; s_sent = pos; s_told = s_recv;
			PUT(down, k, WELCOME, 0, s_recv)
		fi
	fi
}

proctype Server() {
	byte a, p, k, early;
	do
	:: atomic { up[0]?[HELLO] -> up[0]?HELLO, a, p; hello(0) }
	:: atomic { up[1]?[HELLO] -> up[1]?HELLO, a, p; hello(1) }
#if K > 2
	:: atomic { up[2]?[HELLO] -> up[2]?HELLO, a, p; hello(2) }
#endif
#if K > 3
	:: atomic { up[3]?[HELLO] -> up[3]?HELLO, a, p; hello(3) }
#endif

	:: atomic { up[1]?[RESUME] -> up[1]?RESUME, a, p -> early = s_recv };
#ifdef POSITION_FIRST
		/* the position is read while the old reader still runs */
		do
		:: atomic { s_cur < K && up[s_cur]?[DATA] -> up[s_cur]?DATA, k, _; assert(k == s_recv + 1); s_recv++ }
		:: break
		od;
		atomic { server == LIVE && a > s_epoch ->
			s_epoch = a; s_cur = 1; s_acked = p; s_sent = p; PUT(down, 1, WELCOME, 0, early) }
#else
		atomic { resume(1, a, p) }
#endif
#if K > 2
	:: atomic { up[2]?[RESUME] -> up[2]?RESUME, a, p; resume(2, a, p) }
#endif
#if K > 3
	:: atomic { up[3]?[RESUME] -> up[3]?RESUME, a, p; resume(3, a, p) }
#endif

	/* the first frame after a WELCOME */
	:: atomic { tentative[0] && up[0]?[DATA] -> first(0) }
	:: atomic { tentative[1] && up[1]?[DATA] -> first(1) }
#if K > 2
	:: atomic { tentative[2] && up[2]?[DATA] -> first(2) }
#endif
#if K > 3
	:: atomic { tentative[3] && up[3]?[DATA] -> first(3) }
#endif

	:: atomic { s_cur < K && up[s_cur]?[DATA] -> up[s_cur]?DATA, a, p;
		assert(a == s_recv + 1); s_recv++ }
	:: atomic { s_cur < K && up[s_cur]?[ACK] -> up[s_cur]?ACK, a, p;
		assert(VALID(s_acked, p, s_sent)); s_acked = p }
	:: atomic { server == LIVE && s_cur < K && s_sent < N && (!open[s_cur] || nfull(down[s_cur])) ->
#ifdef SENT_AFTER_WRITE
		PUT(down, s_cur, DATA, s_sent + 1, 0) }
		if /* the reader is another goroutine and may see the answer first */
		:: atomic { up[s_cur]?[ACK] -> up[s_cur]?ACK, a, p; assert(VALID(s_acked, p, s_sent)); s_acked = p }
		:: skip
		fi;
		s_sent++
#else
		s_sent++; PUT(down, s_cur, DATA, s_sent, 0) }
#endif
#ifdef NO_IDLE_ACK
	:: atomic { server == LIVE && s_cur < K && s_told + 2 <= s_recv && (!open[s_cur] || nfull(down[s_cur])) ->
#else
	:: atomic { server == LIVE && s_cur < K && s_told < s_recv && (!open[s_cur] || nfull(down[s_cur])) ->
#endif
		s_told = s_recv; PUT(down, s_cur, ACK, 0, s_recv) }

	/* the carrier is gone */
	:: atomic { server == LIVE && s_cur < K && !open[s_cur] -> s_cur = K }
	/* expiry acts only on a session that is still broken */
#ifdef EXPIRE_LIVE
	:: atomic { server == LIVE && expiries == 0 -> expiries++; server = EXPIRED }
#else
	:: atomic { server == LIVE && s_cur == K && expiries == 0 -> expiries++; server = EXPIRED }
#endif
	:: over -> break
	od
}

/* Cuts a carrier between any two steps; bytes under way may be lost. */
proctype Cable() {
	do
	:: atomic { CAN_CUT && open[0] -> open[0] = false }
	:: atomic { CAN_CUT && c_next > 1 && open[1] -> open[1] = false }
#if K > 2
	:: atomic { CAN_CUT && c_next > 2 && open[2] -> open[2] = false }
#endif
#if K > 3
	:: atomic { CAN_CUT && c_next > 3 && open[3] -> open[3] = false }
#endif
	/* of what was under way on a cut carrier any prefix arrives: its rest is lost */
	:: atomic { !open[0] && nempty(up[0]) -> do :: nempty(up[0]) -> up[0]?_, _, _ :: empty(up[0]) -> break od }
	:: atomic { !open[0] && nempty(down[0]) -> do :: nempty(down[0]) -> down[0]?_, _, _ :: empty(down[0]) -> break od }
	:: atomic { !open[1] && nempty(up[1]) -> do :: nempty(up[1]) -> up[1]?_, _, _ :: empty(up[1]) -> break od }
	:: atomic { !open[1] && nempty(down[1]) -> do :: nempty(down[1]) -> down[1]?_, _, _ :: empty(down[1]) -> break od }
#if K > 3
	:: atomic { !open[2] && nempty(up[2]) -> do :: nempty(up[2]) -> up[2]?_, _, _ :: empty(up[2]) -> break od }
	:: atomic { !open[2] && nempty(down[2]) -> do :: nempty(down[2]) -> down[2]?_, _, _ :: empty(down[2]) -> break od }
#endif
	:: over -> break
	od
}

init { atomic { run Client(); run Server(); run Cable() } }
