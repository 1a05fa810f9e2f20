package throttle

import "log/slog"

// A Line is a kind of line.
type Line uint8

// The lines, by the package that says them.
const (
	// conn
	CarrierLost Line = iota
	LinkBroken
	LinkLost
	LinkClosed
	NotBound

	// mux
	YamuxBroken
	YamuxEnded

	// internal/sessions
	RedialFailed

	// all that run code of the application
	AppPanicked

	// root
	NotifyFailed
	NotifyDropped
	PeerDrains
	TooManyMethods
	KeptStays
	KeptFailed
	OutboxNotSettled
	OutboxShared
	OutboxUnreadable

	// server
	PlainListener
	AcceptFailed
	TooManyOfSource
	ConnectionsWait
	ClientRefused
	HandshakeFailed

	// outbox
	OutboxFailed
	OutboxTorn
	OutboxGrows

	numLines
)

// lines has level and text of each Line. AppPanicked has the name of what panicked in its text.
var lines = [numLines]struct {
	level slog.Level
	text  string
}{
	CarrierLost: {slog.LevelInfo, "gantline: carrier lost, the session waits for another"},
	LinkBroken:  {slog.LevelWarn, "gantline: link closed"},
	LinkLost:    {slog.LevelInfo, "gantline: link lost"},
	LinkClosed:  {slog.LevelDebug, "gantline: link closed"},
	NotBound:    {slog.LevelInfo, "gantline: session is not bound to TLS"},

	YamuxBroken: {slog.LevelWarn, "gantline: yamux session ended"},
	YamuxEnded:  {slog.LevelDebug, "gantline: yamux session ended"},

	RedialFailed: {slog.LevelDebug, "gantline: redial failed"},

	AppPanicked: {slog.LevelError, "gantline: %s panicked"},

	NotifyFailed:     {slog.LevelWarn, "gantline: notify handler failed"},
	NotifyDropped:    {slog.LevelDebug, "gantline: notify dropped"},
	PeerDrains:       {slog.LevelDebug, "gantline: the peer drains"},
	TooManyMethods:   {slog.LevelWarn, "gantline: the peer has too many methods to mirror"},
	KeptStays:        {slog.LevelWarn, "gantline: message stays in the outbox"},
	KeptFailed:       {slog.LevelWarn, "gantline: message of an earlier End failed"},
	OutboxNotSettled: {slog.LevelError, "gantline: outbox could not note which messages are settled"},
	OutboxShared:     {slog.LevelWarn, "gantline: another End of this peer uses the outbox, messages wait until it is over"},
	OutboxUnreadable: {slog.LevelError, "gantline: outbox cannot be read, what it keeps is not published now"},

	PlainListener: {slog.LevelWarn, "gantline: LISTENING ON PLAIN TCP BEYOND THIS MACHINE: anybody on the way can read and change everything, " +
		"and any client may claim any id; use server.WithTLS, or a loopback address"},
	AcceptFailed:    {slog.LevelWarn, "gantline: accept failed, trying again"},
	TooManyOfSource: {slog.LevelWarn, "gantline: too many handshakes from one address: the slowest make way for others, which are closed if none is slow"},
	ConnectionsWait: {slog.LevelWarn, "gantline: too many handshakes at a time: the slowest make way for others, which wait if none is slow"},
	ClientRefused:   {slog.LevelWarn, "gantline: client refused"},
	HandshakeFailed: {slog.LevelDebug, "gantline: handshake failed"},

	OutboxFailed: {slog.LevelError, "gantline: outbox has failed"},
	OutboxTorn:   {slog.LevelWarn, "gantline: outbox was torn"},
	OutboxGrows:  {slog.LevelWarn, "gantline: outbox cannot be written anew and grows"},
}
