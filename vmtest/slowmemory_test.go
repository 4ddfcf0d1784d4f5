package vmtest

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Definitions of linux/userfaultfd.h.
const (
	uffdAPI          = 0xaa
	uffdEventFault   = 0x12
	uffdModeMissing  = 1
	uffdioAPI        = 0xc018aa3f // _IOWR(0xaa, 0x3f, struct uffdio_api)
	uffdioRegister   = 0xc020aa00 // _IOWR(0xaa, 0x00, struct uffdio_register)
	uffdioWake       = 0x8010aa02 // _IOR(0xaa, 0x02, struct uffdio_range)
	uffdioCopy       = 0xc028aa03 // _IOWR(0xaa, 0x03, struct uffdio_copy)
	uffdMessageBytes = 32
)

type (
	uffdAPIArg      struct{ api, features, ioctls uint64 }
	uffdRegisterArg struct{ start, length, mode, ioctls uint64 }
	uffdRangeArg    struct{ start, length uint64 }
	uffdCopyArg     struct {
		to, from, length, mode uint64
		copied                 int64
	}
)

// slowMemory is two pages, the second of which is missing until the test fills it.
// A system call that accesses the second page waits inside the kernel, in the
// middle of its copy.
type slowMemory struct {
	t     *testing.T
	fd    int // the userfaultfd
	pages []byte
}

// newSlowMemory returns slow memory whose first page is filled with the letter b.
func newSlowMemory(t *testing.T) slowMemory {
	t.Helper()
	pageSize := unix.Getpagesize()
	pages, err := unix.Mmap(-1, 0, 2*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatalf("map two pages: %v", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0)
	if errno != 0 {
		t.Fatalf("userfaultfd: %v", errno)
	}
	m := slowMemory{t, int(fd), pages}
	t.Cleanup(func() {
		_ = unix.Close(m.fd) // wakes up every call that still waits
		if err := unix.Munmap(pages); err != nil {
			t.Errorf("unmap two pages: %v", err)
		}
	})
	copy(pages, strings.Repeat("b", pageSize))
	api := uffdAPIArg{api: uffdAPI}
	m.ioctl("UFFDIO_API", uffdioAPI, unsafe.Pointer(&api))
	register := uffdRegisterArg{start: uint64(m.second()), length: uint64(pageSize), mode: uffdModeMissing}
	m.ioctl("UFFDIO_REGISTER", uffdioRegister, unsafe.Pointer(&register))
	return m
}

// ioctl makes an ioctl on the userfaultfd.
func (m slowMemory) ioctl(name string, request uintptr, arg unsafe.Pointer) {
	m.t.Helper()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(m.fd), request, uintptr(arg)); errno != 0 {
		m.t.Fatalf("userfaultfd: %s: %v", name, errno)
	}
}

// second returns the address of the second page.
func (m slowMemory) second() uintptr {
	return uintptr(unsafe.Pointer(&m.pages[unix.Getpagesize()]))
}

// halfway returns the address size bytes before the second page.
func (m slowMemory) halfway(size int) uintptr {
	return m.second() - uintptr(size)
}

// halves returns size bytes around the middle: those in the first page, and those
// in the second.
func (m slowMemory) halves(size int) (first, second []byte) {
	middle := len(m.pages) / 2
	return m.pages[middle-size/2 : middle], m.pages[middle : middle+size/2]
}

// before returns the contents of the last size bytes of the first page.
func (m slowMemory) before(size int) string {
	return strings.Repeat("b", size)
}

// wait waits until a system call accesses the second page.
func (m slowMemory) wait() {
	m.t.Helper()
	var event [uffdMessageBytes]byte
	for deadline := time.Now().Add(timeout); ; {
		poll(m.t, m.fd, deadline, "a system call that accesses the memory")
		// A signal to the thread, such as one of the Go runtime, withdraws the
		// page fault for a moment.
		if _, err := unix.Read(m.fd, event[:]); err == nil {
			break
		} else if !errors.Is(err, unix.EAGAIN) {
			m.t.Fatalf("read a page fault: %v", err)
		}
	}
	if event[0] != uffdEventFault {
		m.t.Fatalf("read a page fault: got event %#x, want %#x", event[0], uffdEventFault)
	}
}

// poll waits until fd is readable, and returns the events.
func poll(t *testing.T, fd int, deadline time.Time, what string) int16 {
	t.Helper()
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(max(time.Until(deadline), 0).Milliseconds()))
		switch {
		case n == 1:
			return fds[0].Revents
		case err != nil && !errors.Is(err, unix.EINTR):
			t.Fatalf("wait for %s: %v", what, err)
		case time.Now().After(deadline):
			t.Fatalf("wait for %[2]s: timed out after %[1]v", timeout, what)
		}
	}
}

// fill provides the second page, with text followed by zeros, and wakes up the
// waiting system calls.
func (m slowMemory) fill(text string) {
	m.t.Helper()
	page := make([]byte, unix.Getpagesize())
	copy(page, text)
	arg := uffdCopyArg{
		to:     uint64(m.second()),
		from:   uint64(uintptr(unsafe.Pointer(&page[0]))),
		length: uint64(len(page)),
	}
	m.ioctl("UFFDIO_COPY", uffdioCopy, unsafe.Pointer(&arg))
	runtime.KeepAlive(page)
}

// remove makes the second page inaccessible, and wakes up the waiting system
// calls, which then fail.
func (m slowMemory) remove() {
	m.t.Helper()
	pageSize := unix.Getpagesize()
	second := m.pages[pageSize:]
	// The mapping stays, so that no other mapping takes its place.
	if err := unix.Mprotect(second, unix.PROT_NONE); err != nil {
		m.t.Fatalf("protect the second page: %v", err)
	}
	arg := uffdRangeArg{start: uint64(m.second()), length: uint64(pageSize)}
	m.ioctl("UFFDIO_WAKE", uffdioWake, unsafe.Pointer(&arg))
}
