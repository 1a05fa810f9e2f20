package mux

import (
	"sync"
	"time"

	"github.com/gantline-project/gantline/internal/oddity"
)

// Link is what a Session needs of the connection below it. *conn.Link is one.
//
// The Locker is the send lock. It guards the link's log and the send side of every stream, so an id is
// assigned, its stream registered and its frame encoded in one critical section.
type Link interface {
	sync.Locker
	// Room returns how many bytes, frame header included, may be appended before the log is full. Lock held.
	Room() int
	// Bulk returns how many of them bulk should take, alone or beside frames for which somebody waits. It is at
	// most Room, and may be negative. Lock held.
	Bulk(alone bool) int
	// Frame returns how many payload bytes a frame of a body that needs several should have at most. Lock held.
	Frame() int
	// Unsent returns the bytes appended and not yet taken by a flush. Lock held.
	Unsent() int
	// Alloc returns n new bytes at the end of the log: one whole frame, to be filled before Unlock. Lock held.
	Alloc(n int) []byte
	// Tail returns the last frame, and by how many bytes it could grow in place. It returns nil once a flush
	// has taken the frame, and when there is none. Lock held.
	Tail() (last []byte, spare int)
	// Extend returns n more bytes at the end of Tail's frame. The caller rewrites the frame's length. Lock held.
	Extend(n int) []byte
	// Wake makes the writer look for something to flush, in the log or in Fill. Lock held.
	Wake()
	// Appended returns the log position after the last appended frame. When that was dropped, since the link takes
	// nothing any more, Sent never reaches what Appended returns. Lock held.
	Appended() uint64
	// Sent returns the log position up to which a carrier got the bytes. Lock held.
	Sent() uint64
	// Acked returns the log position up to which the peer has acknowledged. Lock held.
	Acked() uint64
	// Carried reports whether the link has a carrier that takes what is appended, as far as is known. When it has one
	// again it calls HandleReleased. Lock held.
	Carried() bool
	// Release announces that n early bytes of the peer's were consumed. Lock not held.
	Release(group, n int)
	// RTT returns the smallest round trip seen on this carrier, 0 while unknown.
	RTT() time.Duration
	// EnterUser says that user code is about to run on the reader goroutine, within HandleFrame, whose payload was
	// read. LeaveUser ends that. Lock not held.
	EnterUser()
	LeaveUser()
	// Charge counts a frame of the peer's that has no use, and fails when there were too many. HandleFrame returns that
	// error. Reader goroutine; lock held or not.
	Charge(k oddity.Kind, what string) error
	// Hears returns which carrier the reader takes frames from, and whether it does now: there is one, and no user code
	// runs on the reader. Lock held.
	Hears() (carrier uint64, now bool)
	// Fail closes the link because of a protocol error found outside HandleFrame. Lock not held.
	Fail(err error)
}
