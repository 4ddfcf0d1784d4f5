package vmtest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

func TestSetTakesEveryLength(t *testing.T) {
	s := newSocket(t)
	for size := 0; size <= uapi.SocketOpsMsgMax; size++ {
		text := distinct(size)
		m := message(t, text)
		wantErrno(t, s.set(uapi.SocketOpsSet, m.address, int32(size)), nil, "set of %d bytes", size)
		s.wantLast(t, text, "after a set of that length")
		m.wantWritten(text, "a set")
	}
}

// distinct returns a message of size different bytes.
func distinct(size int) string {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('0' + i)
	}
	return string(text)
}

// The page before the message is inaccessible.
func TestSetReadsFromFirstByteOn(t *testing.T) {
	s := newSocket(t)
	for _, size := range []int{1, uapi.SocketOpsMsgMax - 1, uapi.SocketOpsMsgMax} {
		m := afterGuard(t, size)
		copy(m.data, distinct(size))
		err := s.set(uapi.SocketOpsSet, m.address, int32(size))
		wantErrno(t, err, nil, "set of %d bytes at the beginning of a page", size)
		s.wantLast(t, string(m.data), "after a set at the beginning of a page")
	}
}

// Too large a length is rejected before the message is read. The memory is
// inaccessible, so the calls cannot harm a kernel that does not check the length.
func TestSetRejectsLongLengthUnread(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	nowhere := beforeGuard(t, 0).address
	for _, size := range []int32{uapi.SocketOpsMsgMax + 1, 4096, math.MaxInt32} {
		wantErrno(t, s.set(uapi.SocketOpsSet, nowhere, size), unix.EINVAL, "set of %d bytes that cannot be read", size)
	}
	s.wantLast(t, "kept", "after sets of too many bytes")
}

func TestSetRejectsLongMessage(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	for _, size := range []int{uapi.SocketOpsMsgMax + 1, 4096} {
		m := message(t, strings.Repeat("m", size))
		wantErrno(t, s.set(uapi.SocketOpsSet, m.address, int32(size)), unix.EINVAL, "set of %d bytes", size)
		s.wantLast(t, "kept", "after a set of too many bytes")
	}
}

func TestSetRejectsNegativeLength(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	m := message(t, "must not be stored")
	for _, size := range []int32{-1, math.MinInt32} {
		wantErrno(t, s.set(uapi.SocketOpsSet, m.address, size), unix.EINVAL, "set of %d bytes", size)
	}
	s.wantLast(t, "kept", "after sets of a negative length")
}

func TestEmptySetTouchesNoMemory(t *testing.T) {
	s := newSocket(t)
	for _, bad := range badAddresses(t) {
		s.store(t, "replaced")
		wantErrno(t, s.set(uapi.SocketOpsSet, bad.at, 0), nil, "set of 0 bytes at %s (%#x)", bad.name, bad.at)
		s.wantLast(t, "", "after an empty set")
	}
}

// Lengths that are invalid because of their higher bits only.
func TestSetChecksAllBitsOfLength(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	m := beforeGuard(t, uapi.SocketOpsMsgMax)
	for _, high := range []int32{1 << 8, 1 << 16, 1 << 24, 1 << 30} {
		for _, low := range []int32{0, 1, uapi.SocketOpsMsgMax} {
			wantErrno(t, s.set(uapi.SocketOpsSet, m.address, high+low), unix.EINVAL, "set of %#x bytes", high+low)
			s.wantLast(t, "kept", fmt.Sprintf("after a set of %#x bytes", high+low))
		}
	}
}
