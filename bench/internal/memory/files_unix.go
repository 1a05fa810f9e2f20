//go:build unix

package memory

import "syscall"

// wanted is how many files 10,000 connections with both ends in one process need.
const wanted = 2*ends + 200

// Files returns how many files the process may have open, at most a million. It raises the limit if that is
// needed and allowed.
func Files() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1024
	}
	if l.Cur < wanted { // only the superuser may go beyond l.Max
		more := syscall.Rlimit{Cur: wanted, Max: max(l.Max, wanted)}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &more) == nil {
			return wanted
		}
	}
	return int(min(uint64(l.Cur), 1<<20))
}
