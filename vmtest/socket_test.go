package vmtest

import (
	"errors"
	"fmt"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A socket makes the raw system calls under test. Lengths and commands are int32,
// as in the kernel. Memory is passed by address, so that any address is possible.
type socket struct{ fd int }

// newSocket opens a raw socket in a new network namespace, in which the calling
// goroutine stays until the test ends.
func newSocket(tb testing.TB) socket {
	tb.Helper()
	guest.NewNetworkNamespace(tb)
	return openSocket(tb, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
}

// openSocket opens a socket in the network namespace of the calling goroutine.
func openSocket(tb testing.TB, domain, kind, protocol int) socket {
	tb.Helper()
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		tb.Fatalf("open socket of family %d, type %d, protocol %d: %v", domain, kind, protocol, err)
	}
	tb.Cleanup(func() { _ = unix.Close(fd) })
	return socket{fd}
}

// set calls setsockopt(2) at level SOL_IP.
func (s socket) set(command int32, from uintptr, size int32) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT,
		uintptr(s.fd), unix.SOL_IP, uintptr(command), from, uintptr(size), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// get calls getsockopt(2) at level SOL_IP with size in *optlen. It returns the
// value of *optlen afterwards.
func (s socket) get(command int32, to uintptr, size int32) (int32, error) {
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT,
		uintptr(s.fd), unix.SOL_IP, uintptr(command), to, uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return size, errno
	}
	return size, nil
}

// getAt is like get, with optlen at any address.
func (s socket) getAt(command int32, to, optlen uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_IP, uintptr(command), to, optlen, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// trySet sets a message in ordinary memory.
func (s socket) trySet(message string) error {
	data := append([]byte(message), 0) // never empty, so that it has an address
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(s.fd), unix.SOL_IP, uapi.SocketOpsSet,
		uintptr(unsafe.Pointer(&data[0])), uintptr(len(message)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// tryGet returns the answer of a command, at most 64 bytes.
func (s socket) tryGet(command int32) (string, error) {
	var data [uapi.SocketOpsMsgMax]byte
	size := int32(len(data))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_IP, uintptr(command),
		uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return "", errno
	}
	if size < 0 || int(size) > len(data) {
		return "", fmt.Errorf("get of command %d with *optlen %d: *optlen is now %d", command, len(data), size)
	}
	return string(data[:size]), nil
}

// store sets a message, and fails the test if that fails.
func (s socket) store(tb testing.TB, message string) {
	tb.Helper()
	wantErrno(tb, s.trySet(message), nil, "set of %q", message)
}

// wantLast checks the stored message.
func (s socket) wantLast(tb testing.TB, want, when string) {
	tb.Helper()
	got, err := s.tryGet(uapi.SocketOpsLast)
	wantErrno(tb, err, nil, "get of the last message %s", when)
	if got != want {
		tb.Fatalf("last message %s: got %q, want %q", when, got, want)
	}
}

// stats reads the counters.
func (s socket) stats(tb testing.TB) uapi.Stats {
	tb.Helper()
	data, err := s.tryGet(uapi.SocketOpsStats)
	wantErrno(tb, err, nil, "get of the counters")
	stats, err := uapi.ParseStats([]byte(data))
	if err != nil {
		tb.Fatalf("get of the counters: %v", err)
	}
	return stats
}

// wantCounts checks the amounts that do adds to the counters.
func (s socket) wantCounts(tb testing.TB, want uapi.Stats, what string, do func()) {
	tb.Helper()
	before := s.stats(tb)
	do()
	after := s.stats(tb)
	got := uapi.Stats{
		Sets:     after.Sets - before.Sets,
		Gets:     after.Gets - before.Gets - 1, // the first reading of the counters
		SetBytes: after.SetBytes - before.SetBytes,
		GetBytes: after.GetBytes - before.GetBytes - uint64(unsafe.Sizeof(after)),
		Rejected: after.Rejected - before.Rejected,
	}
	if got != want {
		tb.Fatalf("counters after %s: grown by %+v, want %+v", what, got, want)
	}
}

// wantErrno checks the error of a system call, which call and args describe. It
// ends the test on a mismatch: further calls would only repeat the failure, or
// harm a kernel that lacks a check.
func wantErrno(tb testing.TB, got, want error, call string, args ...any) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Fatalf("%s: got %s, want %s", fmt.Sprintf(call, args...), errnoName(got), errnoName(want))
	}
}

// errnoName returns the symbolic name of an errno.
func errnoName(err error) string {
	var errno unix.Errno
	if err == nil {
		return "nil"
	}
	if errors.As(err, &errno) && unix.ErrnoName(errno) != "" {
		return unix.ErrnoName(errno)
	}
	return err.Error()
}
