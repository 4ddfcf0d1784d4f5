// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// Raw system calls: the functions of package unix for byte options do not let the
// caller choose both lengths.

func setMessage(fd int, msg []byte) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_IP,
		uapi.SocketOpsSet, uintptr(unsafe.Pointer(unsafe.SliceData(msg))), uintptr(len(msg)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// greeting returns the part of buf that the kernel filled.
func greeting(fd int, buf []byte) ([]byte, error) {
	n := uint32(len(buf))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_IP,
		uapi.SocketOpsGet, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 {
		return nil, errno
	}
	return buf[:n], nil
}
