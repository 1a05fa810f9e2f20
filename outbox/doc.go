// Package outbox keeps messages in a file until they are answered, so that they outlive the process.
//
// # Usage
//
// Open a file and give it to Config.Outbox. A client End uses one alone, for its server: a second End with the same
// one is refused. A server uses one for all its clients:
//
//	file, err := outbox.Open("/var/lib/app/outbox", nil)
//	if err != nil {
//		return err
//	}
//	defer file.Close() // after the Ends
//	end, err := client.Dial(ctx, "tcp", addr, client.WithConfig(gantline.Config{ID: "edge-7", Outbox: file}))
//
// gantline.Outbox says what is kept and when it is published again. Options.Sync says how safe it is:
//
//	SyncAlways (default)  survives power loss: Publish waits for the disk before it sends and before it returns. A
//	                      message whose Publish returned nil does not come back. Publishes that wait at the same
//	                      time share an fsync.
//	an interval           survives the end of the process, kill -9 included. Power loss may take what was written
//	                      in that time: messages get lost, and answered ones come back, with their ids and marked
//	                      as redelivered.
//	SyncNever             the same without a bound: the system decides when to write.
//
// The file is a log: records of what is kept and what is forgotten are appended. When most of it is useless, the rest
// is written to a new file that replaces it. It is at most twice Options.Limit and some MiB long. Beside it there are
// path.lock, which stays, path.new while a new file is written, and path.torn-1 and so on with the torn ends that
// crashes left (see File.Torn). The format is in record.go.
//
// On a full disk Publish fails with ResourceExhausted. What was kept before stays, and Publish works again when there
// is room again. After a failed fsync it is unknown what is on the disk: everything fails with ErrFailed until the
// file is opened again.
//
// Messages to peers that never come back stay. Peers, Pending and Forget find and remove them.
//
// # Concurrency
//
// All methods may be called from any goroutine. One process has the file open at a time. With an interval there is a
// goroutine while it syncs; Close waits for it.
//
// # Errors
//
//   - ErrFull: Options.Limit or Options.PeerLimit is reached; Publish then fails with its code, ResourceExhausted.
//   - ErrLocked: another process has the file open.
//   - ErrCorrupt: what was safe on the disk has changed, or the file is not an outbox; nothing was touched.
//   - ErrFailed: an fsync or a repair failed before.
//   - os.ErrClosed: after Close.
//   - gantline.InvalidArgument: a message that the format cannot hold.
//   - the operating system's: syscall.ENOSPC, fs.ErrPermission and so on.
package outbox
