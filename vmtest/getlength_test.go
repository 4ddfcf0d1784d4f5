package vmtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// lengths returns the lengths with which to try a get of size bytes.
func lengths(size int) []int32 {
	n := int32(size)
	return []int32{0, 1, n - 1, n, n + 1, 63, 64, 65, 4096, math.MaxInt32}
}

// wantGets gets a command with each boundary length, into memory directly after
// and directly before an inaccessible page. It checks that each get writes the
// right number of bytes of want, and no other byte.
func wantGets(t *testing.T, s socket, command int32, name, want string) {
	t.Helper()
	for _, length := range lengths(len(want)) {
		n := min(int(length), len(want))
		for i, m := range []memory{afterGuard(t, n), beforeGuard(t, n)} {
			place := [...]string{"after", "before"}[i]
			call := fmt.Sprintf("get of %s with *optlen %d into memory right %s a guard page", name, length, place)
			got, err := s.get(command, m.address, length)
			m.wantWritten(want[:n], call)
			wantErrno(t, err, nil, "%s", call)
			if int(got) != n {
				t.Fatalf("%s: *optlen is now %d, want %d", call, got, n)
			}
		}
	}
}

func TestGetOfGreetingCopiesWhatFits(t *testing.T) {
	wantGets(t, newSocket(t), uapi.SocketOpsGet, "the greeting", greeting)
}

func TestGetOfLastCopiesWhatFits(t *testing.T) {
	s := newSocket(t)
	for _, size := range []int{1, 5, uapi.SocketOpsMsgMax - 1, uapi.SocketOpsMsgMax} {
		text := distinct(size)
		s.store(t, text)
		wantGets(t, s, uapi.SocketOpsLast, fmt.Sprintf("a message of %d bytes", size), text)
	}
}

func TestGetOfShortMessageShowsNothingOfLongerOne(t *testing.T) {
	s := newSocket(t)
	s.store(t, strings.Repeat("m", uapi.SocketOpsMsgMax))
	s.store(t, "short")
	m := afterGuard(t, uapi.SocketOpsMsgMax)
	got, err := s.get(uapi.SocketOpsLast, m.address, uapi.SocketOpsMsgMax)
	wantErrno(t, err, nil, "get of the last message")
	m.wantWritten("short", "get of a short message after a longer one")
	if int(got) != len("short") {
		t.Fatalf("get of a short message after a longer one: *optlen is now %d, want %d", got, len("short"))
	}
}

func TestGetOfStatsCopiesWhatFits(t *testing.T) {
	s := newSocket(t)
	s.store(t, "a message")
	want := uapi.Stats{Sets: 1, SetBytes: 9}
	for _, length := range []int32{math.MaxInt32, 41, 40, 39, 17, 8, 7, 1} {
		n := min(int(length), int(unsafe.Sizeof(want)))
		text, err := binary.Append(nil, binary.NativeEndian, want)
		if err != nil {
			t.Fatal(err)
		}
		m, call := afterGuard(t, n), fmt.Sprintf("get of the counters with *optlen %d", length)
		got, err := s.get(uapi.SocketOpsStats, m.address, length)
		wantErrno(t, err, nil, "%s", call)
		m.wantWritten(string(text[:n]), call)
		if int(got) != n {
			t.Fatalf("%s: *optlen is now %d, want %d", call, got, n)
		}
		want.Gets++
		want.GetBytes += uint64(n)
	}
}

func TestGetOfNothingTouchesNoMemory(t *testing.T) {
	s := newSocket(t)
	s.store(t, "a message")
	for _, command := range []int32{uapi.SocketOpsGet, uapi.SocketOpsLast, uapi.SocketOpsStats} {
		for _, bad := range badAddresses(t) {
			got, err := s.get(command, bad.at, 0)
			wantErrno(t, err, nil, "get of command %d with *optlen 0 at %s (%#x)", command, bad.name, bad.at)
			if got != 0 {
				t.Fatalf("get of command %d with *optlen 0: *optlen is now %d", command, got)
			}
		}
	}
}

func TestGetOfEmptyMessageTouchesNoMemory(t *testing.T) {
	s := newSocket(t)
	for _, bad := range badAddresses(t) {
		got, err := s.get(uapi.SocketOpsLast, bad.at, uapi.SocketOpsMsgMax)
		wantErrno(t, err, nil, "get of an empty message at %s (%#x)", bad.name, bad.at)
		if got != 0 {
			t.Fatalf("get of an empty message: *optlen is now %d, want 0", got)
		}
	}
}

func TestGetRejectsNegativeLength(t *testing.T) {
	s := newSocket(t)
	s.store(t, "a message")
	m := beforeGuard(t, uapi.SocketOpsMsgMax)
	for _, command := range []int32{uapi.SocketOpsGet, uapi.SocketOpsLast, uapi.SocketOpsStats} {
		for _, length := range []int32{-1, math.MinInt32} {
			_, err := s.get(command, m.address, length)
			wantErrno(t, err, unix.EINVAL, "get of command %d with *optlen %d", command, length)
			m.wantWritten("", "get with a negative *optlen")
		}
	}
}

// The core reads *optlen twice, and rejects a negative value only the first time.
// The second value, which it passes to the module, may be negative.
func TestGetRejectsLengthThatTurnsNegative(t *testing.T) {
	s, optlen := newSocket(t), beforeGuard(t, 4)
	word := (*atomic.Int32)(unsafe.Pointer(&optlen.data[0]))
	var over atomic.Bool
	var group sync.WaitGroup
	defer group.Wait()
	defer over.Store(true)
	group.Go(func() {
		stayOnCPU(t, 1)
		for !over.Load() {
			word.Store(-1)
			word.Store(0)
		}
	})
	stayOnCPU(t, 0)
	bad := afterGuard(t, 0).address - 1
	before := s.stats(t).Rejected
	for deadline := time.Now().Add(timeout); s.stats(t).Rejected == before; {
		if time.Now().After(deadline) {
			t.Fatalf("*optlen never became negative between the two reads in %v", timeout)
		}
		for range 100 {
			if err := s.getAt(uapi.SocketOpsGet, bad, optlen.address); err != nil && !errors.Is(err, unix.EINVAL) {
				t.Fatalf("get with *optlen 0 that becomes negative: got %s, want nil or EINVAL", errnoName(err))
			}
		}
	}
}

func TestGetChecksAllBitsOfLength(t *testing.T) {
	s := newFullSocket(t)
	for command, size := range answers {
		for _, length := range []int32{1 << 8, 1 << 16, 1<<16 + 1, 1 << 24, 1 << 30, math.MaxInt32} {
			got, err := s.get(command, afterGuard(t, size).address, length)
			wantErrno(t, err, nil, "get of command %d with *optlen %#x", command, length)
			if int(got) != size {
				t.Fatalf("get of command %d with *optlen %#x: *optlen is now %d, want %d", command, length, got, size)
			}
		}
	}
}
