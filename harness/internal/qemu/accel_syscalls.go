package qemu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel is the system calls of a trial of KVM. Tests use a fake.
type kernel interface {
	open(path string) (fd int, err error)
	ioctl(fd int, request, arg uintptr) (int, error)
	ioctlPointer(fd int, request uintptr, arg unsafe.Pointer) (int, error)
	// mmap maps a file from its start, or anonymous memory if fd is -1.
	mmap(fd, size int) ([]byte, error)
	munmap(memory []byte) error
	close(fd int) error
}

// hostKernel is the kernel of this host. Its calls fail with EINTR if a signal
// arrives; they do not start again.
type hostKernel struct{}

// open does not wait: not for the other end of a FIFO, nor for a terminal's line.
func (hostKernel) open(path string) (int, error) {
	return unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

func (hostKernel) ioctl(fd int, request, arg uintptr) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, arg)
	return result(n, errno)
}

func (hostKernel) ioctlPointer(fd int, request uintptr, arg unsafe.Pointer) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return result(n, errno)
}

func result(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (hostKernel) mmap(fd, size int) ([]byte, error) {
	flags := unix.MAP_SHARED
	if fd < 0 {
		flags |= unix.MAP_ANONYMOUS
	}
	return unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
}

func (hostKernel) munmap(memory []byte) error { return unix.Munmap(memory) }

func (hostKernel) close(fd int) error { return unix.Close(fd) }
