package vmtest

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// Definitions of linux/io_uring.h.
const (
	uringOpCommand       = 46     // IORING_OP_URING_CMD, since 5.19
	uringGetsockopt      = 2      // SOCKET_URING_OP_GETSOCKOPT, since 6.7
	uringSetsockopt      = 3      // SOCKET_URING_OP_SETSOCKOPT, since 6.7
	uringAsync           = 1 << 4 // IOSQE_ASYNC: in a kernel thread
	uringEnterGetevents  = 1
	uringOffCompletions  = 0x8000000  // IORING_OFF_CQ_RING
	uringOffSubmissions  = 0          // IORING_OFF_SQ_RING
	uringOffEntries      = 0x10000000 // IORING_OFF_SQES
	uringSubmissionBytes = 64
	uringCompletionBytes = 16
)

// uringParams is struct io_uring_params. sq and cq hold the offsets of the rings'
// fields.
type uringParams struct {
	entries, completions, flags, threadCPU, threadIdle, features, workers uint32
	_                                                                     [3]uint32
	sq                                                                    struct{ head, tail, mask, entries, flags, dropped, array, _ uint32 }
	_                                                                     uint64
	cq                                                                    struct{ head, tail, mask, entries, overflow, cqes, flags, _ uint32 }
	_                                                                     uint64
}

// A uring is an io_uring that makes one call at a time.
type uring struct {
	t                             *testing.T
	fd                            int
	params                        uringParams
	submissions, completions, sqe []byte
}

func newUring(t *testing.T) *uring {
	t.Helper()
	u := &uring{t: t}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&u.params)), 0)
	if errno != 0 {
		t.Fatalf("io_uring_setup: %v", errno)
	}
	u.fd = int(fd)
	t.Cleanup(func() { _ = unix.Close(u.fd) })
	u.submissions = u.mmap(uringOffSubmissions, u.params.sq.array+4*u.params.entries)
	u.completions = u.mmap(uringOffCompletions, u.params.cq.cqes+uringCompletionBytes*u.params.completions)
	u.sqe = u.mmap(uringOffEntries, uringSubmissionBytes)
	return u
}

// mmap maps a part of the io_uring's memory.
func (u *uring) mmap(offset int64, size uint32) []byte {
	u.t.Helper()
	memory, err := unix.Mmap(u.fd, offset, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		u.t.Fatalf("map io_uring: %v", err)
	}
	u.t.Cleanup(func() { _ = unix.Munmap(memory) })
	return memory
}

// word returns a pointer to a number that the kernel accesses concurrently.
func word(memory []byte, offset uint32) *uint32 {
	return (*uint32)(unsafe.Pointer(&memory[offset]))
}

// call makes a socket call with the io_uring, and returns its result, which is a
// negative errno if the call fails.
func (u *uring) call(flags uint8, s socket, op, level uint32, command int32, at uintptr, size int32) int32 {
	u.t.Helper()
	clear(u.sqe)
	u.sqe[0], u.sqe[1] = uringOpCommand, flags
	order := binary.NativeEndian
	order.PutUint32(u.sqe[4:], uint32(s.fd))
	order.PutUint32(u.sqe[8:], op)
	order.PutUint32(u.sqe[16:], level)
	order.PutUint32(u.sqe[20:], uint32(command))
	order.PutUint32(u.sqe[44:], uint32(size))
	order.PutUint64(u.sqe[48:], uint64(at))
	*word(u.submissions, u.params.sq.array) = 0
	atomic.AddUint32(word(u.submissions, u.params.sq.tail), 1)
	head, tail := word(u.completions, u.params.cq.head), word(u.completions, u.params.cq.tail)
	for left := uintptr(1); left > 0 || atomic.LoadUint32(tail) == *head; { // a signal interrupts the wait
		taken, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(u.fd), left, 1, uringEnterGetevents, 0, 0)
		switch {
		case errno == 0 && taken <= left:
			left -= taken
		case errno != unix.EINTR:
			u.t.Fatalf("io_uring_enter: took %d of %d calls: %v", taken, left, errno)
		}
	}
	if done := atomic.LoadUint32(tail) - *head; done != 1 {
		u.t.Fatalf("io_uring_enter: returned with %d completed calls, want 1", done)
	}
	cqe := u.params.cq.cqes + uringCompletionBytes*(*head&(u.params.completions-1))
	result := int32(*word(u.completions, cqe+8))
	atomic.AddUint32(head, 1)
	return result
}

// set calls setsockopt at level SOL_IP with the io_uring.
func (u *uring) set(flags uint8, s socket, command int32, from uintptr, size int32) error {
	u.t.Helper()
	if result := u.call(flags, s, uringSetsockopt, unix.SOL_IP, command, from, size); result != 0 {
		return unix.Errno(-result)
	}
	return nil
}

// Since Linux 6.7 an io_uring supports setsockopt, in the caller's thread or in a
// kernel thread with the caller's memory and credentials. Older kernels reject the
// operation as unknown.
func TestSetByIOUring(t *testing.T) {
	v := kernelVersion(t)
	for name, flags := range map[string]uint8{"in the caller": 0, "in a kernel thread": uringAsync} {
		t.Run(name, func(t *testing.T) {
			u, s, m := newUring(t), newSocket(t), message(t, "from io_uring")
			size := int32(len(m.data))
			s.store(t, "old")
			switch {
			case v.before(5, 19): // no operation has this number
				wantErrno(t, u.set(flags, s, uapi.SocketOpsSet, m.address, size), unix.EINVAL, "set by io_uring")
				s.wantLast(t, "old", "after a set by io_uring")
				return
			case v.before(6, 7): // the operation exists, but does not support socket calls
				wantErrno(t, u.set(flags, s, uapi.SocketOpsSet, m.address, size), unix.EOPNOTSUPP, "set by io_uring")
				s.wantLast(t, "old", "after a set by io_uring")
				return
			}
			s.wantCounts(t, uapi.Stats{Sets: 1, SetBytes: 13, Rejected: 3}, "sets by io_uring", func() {
				wantErrno(t, u.set(flags, s, uapi.SocketOpsSet, m.address, size), nil, "set by io_uring")
				wantErrno(t, u.set(flags, s, uapi.SocketOpsSet, m.address, 65), unix.EINVAL, "set of 65 bytes by io_uring")
				wantErrno(t, u.set(flags, s, uapi.SocketOpsSet, m.address, size+1), unix.EFAULT, "set of unreadable memory by io_uring")
				wantErrno(t, u.set(flags, s, uapi.SocketOpsSet, m.address, -1), unix.EINVAL, "set of -1 bytes by io_uring")
				wantErrno(t, u.set(flags, s, uapi.SocketOpsLast, m.address, size), unix.ENOPROTOOPT, "set of a get-only command by io_uring")
				t.Run("without CAP_NET_ADMIN", func(t *testing.T) {
					guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
					u := newUring(t)
					wantErrno(t, u.set(flags, s, uapi.SocketOpsSet, m.address, size), unix.EPERM, "set by io_uring")
				})
			})
			s.wantLast(t, "from io_uring", "after a set by io_uring")
		})
	}
}

// getsockopt by io_uring, which Linux has since 6.7, supports only options of
// level SOL_SOCKET.
func TestGetByIOUringDoesNotReachTheModule(t *testing.T) {
	u, s, m, v := newUring(t), newSocket(t), beforeGuard(t, uapi.SocketOpsMsgMax), kernelVersion(t)
	want := unix.EOPNOTSUPP
	switch {
	case v.before(5, 19):
		want = unix.EINVAL // no operation has this number
	case !v.before(6, 7):
		kind := beforeGuard(t, 4)
		if length := u.call(0, s, uringGetsockopt, unix.SOL_SOCKET, unix.SO_TYPE, kind.address, 4); length != 4 {
			t.Fatalf("get of the socket's type by io_uring: returned %d, want 4", length)
		}
		kind.wantWritten(string(binary.NativeEndian.AppendUint32(nil, unix.SOCK_RAW)), "get of the socket's type by io_uring")
	}
	s.wantCounts(t, uapi.Stats{}, "a get by io_uring", func() {
		result := u.call(0, s, uringGetsockopt, unix.SOL_IP, uapi.SocketOpsGet, m.address, int32(len(m.data)))
		wantErrno(t, unix.Errno(-min(result, 0)), want, "get by io_uring, which returned %d", result)
	})
	m.wantWritten("", "get by io_uring")
}
