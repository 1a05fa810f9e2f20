package frame

import "strconv"

// A Code says how something ended. The numbers up to Unauthenticated are those
// of gRPC; higher ones travel unchanged and mean what the applications agree
// on. A Code is an error, so errors.Is(err, frame.NotFound) asks what the peer
// answered.
type Code uint16

// The codes of gRPC.
const (
	OK                 Code = 0
	Canceled           Code = 1
	Unknown            Code = 2
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Aborted            Code = 10
	OutOfRange         Code = 11
	Unimplemented      Code = 12
	Internal           Code = 13
	Unavailable        Code = 14
	DataLoss           Code = 15
	Unauthenticated    Code = 16
)

var codes = [...]struct{ name, text string }{
	OK:                 {"OK", "ok"},
	Canceled:           {"Canceled", "canceled"},
	Unknown:            {"Unknown", "unknown error"},
	InvalidArgument:    {"InvalidArgument", "invalid argument"},
	DeadlineExceeded:   {"DeadlineExceeded", "deadline exceeded"},
	NotFound:           {"NotFound", "not found"},
	AlreadyExists:      {"AlreadyExists", "already exists"},
	PermissionDenied:   {"PermissionDenied", "permission denied"},
	ResourceExhausted:  {"ResourceExhausted", "resource exhausted"},
	FailedPrecondition: {"FailedPrecondition", "failed precondition"},
	Aborted:            {"Aborted", "aborted"},
	OutOfRange:         {"OutOfRange", "out of range"},
	Unimplemented:      {"Unimplemented", "unimplemented"},
	Internal:           {"Internal", "internal error"},
	Unavailable:        {"Unavailable", "unavailable"},
	DataLoss:           {"DataLoss", "data loss"},
	Unauthenticated:    {"Unauthenticated", "unauthenticated"},
}

// Name returns the name of the constant, such as "NotFound", or "Code(99)".
func (c Code) Name() string {
	if int(c) < len(codes) {
		return codes[c].name
	}
	return "Code(" + strconv.Itoa(int(c)) + ")"
}

// String returns words for people, such as "not found", or "code 99".
func (c Code) String() string {
	if int(c) < len(codes) {
		return codes[c].text
	}
	return "code " + strconv.Itoa(int(c))
}

// Error returns "gantline: " and the words of String.
func (c Code) Error() string { return "gantline: " + c.String() }
