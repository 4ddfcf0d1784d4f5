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

// What linux/userfaultfd.h defines, as far as it is used here.
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

// slowMemory is two pages, of which the second is not there until the test says
// so. A system call that comes to it waits inside the kernel, in the middle of
// its copying.
type slowMemory struct {
	t     *testing.T
	fd    int // the userfaultfd
	pages []byte
}

// newSlowMemory makes slow memory whose first page is filled.
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
		_ = unix.Close(m.fd) // lets every call go that still waits
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

// ioctl calls one of the userfaultfd's ioctls.
func (m slowMemory) ioctl(name string, request uintptr, arg unsafe.Pointer) {
	m.t.Helper()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(m.fd), request, uintptr(arg)); errno != 0 {
		m.t.Fatalf("userfaultfd: %s: %v", name, errno)
	}
}

// second is the address of the second page.
func (m slowMemory) second() uintptr {
	return uintptr(unsafe.Pointer(&m.pages[unix.Getpagesize()]))
}

// halfway is an address from which on size bytes are there.
func (m slowMemory) halfway(size int) uintptr {
	return m.second() - uintptr(size)
}

// halves are size bytes: those that are there, and those that are not.
func (m slowMemory) halves(size int) (first, second []byte) {
	middle := len(m.pages) / 2
	return m.pages[middle-size/2 : middle], m.pages[middle : middle+size/2]
}

// before is what lies in the bytes that are there.
func (m slowMemory) before(size int) string {
	return strings.Repeat("b", size)
}

// wait waits until a system call has come to the second page.
func (m slowMemory) wait() {
	m.t.Helper()
	var event [uffdMessageBytes]byte
	for deadline := time.Now().Add(patience); ; {
		poll(m.t, m.fd, deadline, "a system call that comes to the memory")
		// A signal to the thread, be it one of the Go runtime's, takes the
		// fault back for a moment.
		if _, err := unix.Read(m.fd, event[:]); err == nil {
			break
		} else if !errors.Is(err, unix.EAGAIN) {
			m.t.Fatalf("read a fault: %v", err)
		}
	}
	if event[0] != uffdEventFault {
		m.t.Fatalf("read a fault: got event %#x, want %#x", event[0], uffdEventFault)
	}
}

// poll waits until there is something to read, and returns the events.
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
			t.Fatalf("waited %v for %s in vain", patience, what)
		}
	}
}

// fill lets the second page be there, with text at its beginning and zeros
// behind it, and whoever waited goes on.
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

// remove lets the second page never be there, and whoever waited finds that
// out.
func (m slowMemory) remove() {
	m.t.Helper()
	pageSize := unix.Getpagesize()
	second := m.pages[pageSize:]
	// The mapping stays the test's own, so that no other takes its place.
	if err := unix.Mprotect(second, unix.PROT_NONE); err != nil {
		m.t.Fatalf("take the second page away: %v", err)
	}
	arg := uffdRangeArg{start: uint64(m.second()), length: uint64(pageSize)}
	m.ioctl("UFFDIO_WAKE", uffdioWake, unsafe.Pointer(&arg))
}
