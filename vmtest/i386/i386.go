// Package i386 makes the system calls of 32-bit programs, from 32-bit programs
// and from 64-bit ones: to the kernel both are alike.
package i386

import "golang.org/x/sys/unix"

// The numbers of system calls, as i386 has them.
const (
	Socketcall = 102
	Getsockopt = 365
	Setsockopt = 366
)

// The first arguments of socketcall, which say which call is meant.
const (
	SocketcallSetsockopt = 14
	SocketcallGetsockopt = 15
)

// Call makes a system call. A thread that hangs in it holds up the others when
// garbage is collected. Pointers are numbers here: what they point to must not be
// moved by Go, and lie below 4 GiB.
func Call(number, a, b, c, d, e uint32) unix.Errno {
	const highest = 4095 // of the numbers of errors
	if result := call(number, a, b, c, d, e); result < 0 && result >= -highest {
		return unix.Errno(-result)
	}
	return 0
}
