// Package outbox keeps messages in a file until they are answered, so that they outlive the process.
//
// # Usage
//
// Open a file and give it to Config.Outbox. A client End uses one for its server, alone: a second End that is given it
// is refused. A server uses one for all its clients:
//
//	box, err := outbox.Open("/var/lib/app/outbox", nil)
//	if err != nil {
//		return err
//	}
//	defer box.Close() // behind the Ends
//	end, err := client.Dial(ctx, "tcp", addr, client.WithConfig(gantline.Config{ID: "edge-7", Outbox: box}))
//
// What is kept and when it is published again says gantline.Outbox. How safe it is says Options.Sync:
//
//	SyncAlways (default)  survives power loss: Publish waits for the disk before it sends and before it returns. A
//	                      message whose Publish returned nil does not come back. Publishes that wait at the same
//	                      time share an fsync.
//	an interval           survives the end of the process, kill -9 included. Power loss may take what was written
//	                      in that time: messages get lost, and answered ones come back, with their ids and marked
//	                      as redelivered.
//	SyncNever             the same without a bound: the system decides when to write.
//
// The file is a log: what is kept and what is forgotten is appended, and when most of it is of no use the rest is
// written to a new file that takes its place. It is at most twice Options.Limit and some MiB long. Beside it there
// are path.lock, which stays, path.new while a new file is written, and path.torn-1 and so on with what was cut
// off by a crash (see File.Torn). The format is in record.go.
//
// A full disk fails the Publish that it hits with ResourceExhausted; what was kept before stays, and when there is
// room again Publish works again. A failed fsync leaves unknown what is on the disk: from then on everything fails
// with ErrFailed until the file is opened anew.
//
// Messages to peers that never come back stay. Peers, Pending and Forget find and remove them.
//
// # Concurrency
//
// All methods may be called from any goroutine. One process has the file open at a time. With an interval there is
// a goroutine while it syncs; Close waits for it.
//
// # Errors
//
//   - ErrFull: Options.Limit or Options.PeerLimit is reached; its code is ResourceExhausted, so that is what Publish
//     fails with.
//   - ErrLocked: another process has the file open.
//   - ErrCorrupt: what was safe on the disk has changed, or the file is not an outbox; nothing was touched.
//   - ErrFailed: an fsync or a repair failed before.
//   - os.ErrClosed: after Close.
//   - gantline.InvalidArgument: a message that the format cannot hold.
//   - the operating system's: syscall.ENOSPC, fs.ErrPermission and so on.
package outbox
