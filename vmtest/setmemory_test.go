package vmtest

import (
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

func TestSetRejectsUnreadableMemory(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	for _, bad := range badAddresses(t) {
		for _, size := range []int32{1, uapi.SocketOpsMsgMax} {
			err := s.set(uapi.SocketOpsSet, bad.at, size)
			wantErrno(t, err, unix.EFAULT, "set of %d bytes at %s (%#x)", size, bad.name, bad.at)
		}
	}
	s.wantLast(t, "kept", "after sets of memory that cannot be read")
}

func TestSetRejectsMessageUnreadableAtItsEnd(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	for size := 1; size <= uapi.SocketOpsMsgMax; size++ {
		m := message(t, strings.Repeat("m", size-1))
		err := s.set(uapi.SocketOpsSet, m.address, int32(size))
		wantErrno(t, err, unix.EFAULT, "set of %d bytes, the last of them unreadable", size)
		s.wantLast(t, "kept", "after a set of memory that cannot be read at its end")
	}
}

func TestSetRejectsMessageUnreadableAtItsBeginning(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	m := afterGuard(t, uapi.SocketOpsMsgMax)
	err := s.set(uapi.SocketOpsSet, m.address-1, uapi.SocketOpsMsgMax)
	wantErrno(t, err, unix.EFAULT, "set of %d bytes, the first of them unreadable", uapi.SocketOpsMsgMax)
	s.wantLast(t, "kept", "after a set of memory that cannot be read at its beginning")
}

func TestSetReadsReadOnlyMemory(t *testing.T) {
	s := newSocket(t)
	m := message(t, "read only")
	m.protect(unix.PROT_READ)
	wantErrno(t, s.set(uapi.SocketOpsSet, m.address, int32(len(m.data))), nil, "set from read-only memory")
	s.wantLast(t, "read only", "after a set from read-only memory")
}

// On x86 a writable page is also readable, whatever the protection passed to mmap.
func TestSetReadsWriteOnlyMemory(t *testing.T) {
	s := newSocket(t)
	m := message(t, "write only")
	m.protect(unix.PROT_WRITE)
	wantErrno(t, s.set(uapi.SocketOpsSet, m.address, int32(len(m.data))), nil, "set from write-only memory")
	s.wantLast(t, "write only", "after a set from write-only memory")
}

// The first page of the message is removed while a set waits for the second. A set
// that reads the first page again blocks.
func TestSetReadsItsMemoryOnce(t *testing.T) {
	needsCopyByPages(t)
	reload(t) // resets the rate limit: a set that is logged could read its message again for the log
	s := newSocket(t)
	slow := newSlowMemory(t)
	pageSize := unix.Getpagesize()
	first := uffdRegisterArg{start: uint64(slow.second()) - uint64(pageSize), length: uint64(pageSize), mode: uffdModeMissing}
	slow.ioctl("UFFDIO_REGISTER", uffdioRegister, unsafe.Pointer(&first))
	done := make(chan error, 1)
	const half = uapi.SocketOpsMsgMax / 2 // a multiple of the word size, so that no word spans both pages
	go func() { done <- s.set(uapi.SocketOpsSet, slow.halfway(half), 2*half) }()
	slow.wait()
	if err := unix.Madvise(slow.pages[:pageSize], unix.MADV_DONTNEED); err != nil {
		t.Fatalf("remove the first page: %v", err)
	}
	rest := strings.Repeat("r", half)
	slow.fill(rest)
	wantEnd(t, done, "set whose first page was removed after being read")
	s.wantLast(t, slow.before(half)+rest, "after the set")
}
