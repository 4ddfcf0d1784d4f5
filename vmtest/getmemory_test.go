package vmtest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// answers holds the size of each command's answer after a set of the longest
// message.
var answers = map[int32]int{
	uapi.SocketOpsGet:   len(greeting),
	uapi.SocketOpsLast:  uapi.SocketOpsMsgMax,
	uapi.SocketOpsStats: 40,
}

// newFullSocket opens a socket in a namespace that holds a message of the maximum
// length.
func newFullSocket(t *testing.T) socket {
	t.Helper()
	s := newSocket(t)
	s.store(t, strings.Repeat("m", uapi.SocketOpsMsgMax))
	return s
}

func TestGetRejectsUnwritableMemory(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		for _, bad := range badAddresses(t) {
			for _, length := range []int32{1, int32(size)} {
				_, err := s.get(command, bad.at, length)
				wantErrno(t, err, unix.EFAULT, "get of command %d with *optlen %d at %s (%#x)", command, length, bad.name, bad.at)
			}
		}
	}
}

func TestGetRejectsReadOnlyMemory(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		m := beforeGuard(t, size)
		m.protect(unix.PROT_READ)
		_, err := s.get(command, m.address, int32(size))
		wantErrno(t, err, unix.EFAULT, "get of command %d into read-only memory", command)
		m.wantWritten("", "get into read-only memory")
	}
}

// Memory need not be readable to be written to.
func TestGetWritesWriteOnlyMemory(t *testing.T) {
	s := newSocket(t)
	m := beforeGuard(t, len(greeting))
	m.protect(unix.PROT_WRITE)
	_, err := s.get(uapi.SocketOpsGet, m.address, int32(len(greeting)))
	m.protect(unix.PROT_READ)
	wantErrno(t, err, nil, "get into write-only memory")
	m.wantWritten(greeting, "get into write-only memory")
}

// The contents of the buffer after such a get are unspecified, but no byte before
// or after it may have changed.
func TestGetRejectsMemoryUnwritableAtItsEnd(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		for length := 1; length <= size; length++ {
			call := fmt.Sprintf("get of command %d with *optlen %d into memory one byte shorter", command, length)
			m := beforeGuard(t, length-1)
			_, err := s.get(command, m.address, int32(length))
			wantErrno(t, err, unix.EFAULT, "%s", call)
			m.forget()
			m.wantWritten("", call)
		}
	}
}

func TestGetRejectsMemoryUnwritableAtItsBeginning(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		m := afterGuard(t, size-1)
		_, err := s.get(command, m.address-1, int32(size))
		wantErrno(t, err, unix.EFAULT, "get of command %d into memory whose first byte cannot be written", command)
		m.forget()
		m.wantWritten("", "get into memory whose first byte cannot be written")
	}
}

func TestGetRejectsBadOptlenPointer(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		m := beforeGuard(t, size)
		for _, bad := range badAddresses(t) {
			err := s.getAt(command, m.address, bad.at)
			wantErrno(t, err, unix.EFAULT, "get of command %d with optlen at %s (%#x)", command, bad.name, bad.at)
		}
		m.wantWritten("", "get with an unreadable optlen")
	}
}

func TestGetRejectsOptlenAcrossPageEnd(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		m := beforeGuard(t, size)
		for inside := range 4 {
			optlen := message(t, strings.Repeat("\x01", inside))
			err := s.getAt(command, m.address, optlen.address)
			wantErrno(t, err, unix.EFAULT, "get of command %d with %d of the 4 bytes of optlen in accessible memory", command, inside)
		}
		m.wantWritten("", "get with a partly inaccessible optlen")
	}
}

func TestGetRejectsReadOnlyOptlen(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		m := beforeGuard(t, size)
		optlen := beforeGuard(t, 4)
		binary.NativeEndian.PutUint32(optlen.data, uint32(size))
		optlen.protect(unix.PROT_READ)
		err := s.getAt(command, m.address, optlen.address)
		wantErrno(t, err, unix.EFAULT, "get of command %d with a read-only optlen", command)
	}
}

func TestGetTakesOptlenAnywhere(t *testing.T) {
	s := newSocket(t)
	m := beforeGuard(t, len(greeting))
	for _, optlen := range []memory{beforeGuard(t, 4), afterGuard(t, 4), beforeGuard(t, 5), beforeGuard(t, 7)} {
		binary.NativeEndian.PutUint32(optlen.data, 1<<20)
		err := s.getAt(uapi.SocketOpsGet, m.address, optlen.address)
		wantErrno(t, err, nil, "get with optlen at %#x", optlen.address)
		var want [4]byte
		binary.NativeEndian.PutUint32(want[:], uint32(len(greeting)))
		optlen.wantWritten(string(want[:]), "the new *optlen")
	}
}
