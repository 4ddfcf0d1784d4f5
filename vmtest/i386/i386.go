//go:build amd64 || 386

// Package i386 makes the system calls of 32-bit programs, both in 32-bit and in
// 64-bit programs. The kernel handles both alike.
package i386

import "golang.org/x/sys/unix"

// Numbers of i386 system calls.
const (
	Socketcall = 102
	Getsockopt = 365
	Setsockopt = 366
)

// Values of the first argument of socketcall, which selects the call.
const (
	SocketcallSetsockopt = 14
	SocketcallGetsockopt = 15
)

// Call makes a system call and returns its errno, or 0. Arguments that are
// addresses must be below 4 GiB, in memory that the Go runtime does not move or
// free. The runtime is not informed of the call, so a call that blocks also blocks
// garbage collection.
func Call(number, a, b, c, d, e uint32) unix.Errno {
	const highest = 4095 // errno
	if result := call(number, a, b, c, d, e); result < 0 && result >= -highest {
		return unix.Errno(-result)
	}
	return 0
}
