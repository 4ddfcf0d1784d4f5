package i386

import "golang.org/x/sys/unix"

func call(number, a, b, c, d, e uint32) int32 {
	result, _, errno := unix.Syscall6(uintptr(number), uintptr(a), uintptr(b), uintptr(c), uintptr(d), uintptr(e), 0)
	if errno != 0 {
		return -int32(errno)
	}
	return int32(result)
}
