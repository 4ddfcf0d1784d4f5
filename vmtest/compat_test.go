//go:build amd64 || 386

package vmtest

import (
	"encoding/binary"
	"strconv"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
	"github.com/kmodtest/kmodtest/vmtest/i386"
)

// A way32 is a way for 32-bit programs to set and get. Addresses are below 4 GiB.
type way32 struct {
	name string
	set  func(s socket, command int32, from uint32, size int32) unix.Errno
	get  func(s socket, command int32, to, optlen uint32) unix.Errno
}

// waysOf32 returns the system calls that i386 has since Linux 4.3, and
// socketcall, which older programs use instead.
func waysOf32(t *testing.T) []way32 {
	args := newLowMemory(t)
	through := func(which uint32, values ...uint32) unix.Errno {
		args.put(values...)
		return i386.Call(i386.Socketcall, which, args.address(0), 0, 0, 0)
	}
	return []way32{
		{
			"direct",
			func(s socket, command int32, from uint32, size int32) unix.Errno {
				return i386.Call(i386.Setsockopt, uint32(s.fd), unix.SOL_IP, uint32(command), from, uint32(size))
			},
			func(s socket, command int32, to, optlen uint32) unix.Errno {
				return i386.Call(i386.Getsockopt, uint32(s.fd), unix.SOL_IP, uint32(command), to, optlen)
			},
		},
		{
			"socketcall",
			func(s socket, command int32, from uint32, size int32) unix.Errno {
				return through(i386.SocketcallSetsockopt, uint32(s.fd), unix.SOL_IP, uint32(command), from, uint32(size))
			},
			func(s socket, command int32, to, optlen uint32) unix.Errno {
				return through(i386.SocketcallGetsockopt, uint32(s.fd), unix.SOL_IP, uint32(command), to, optlen)
			},
		},
	}
}

// lowMemory is a page with a 32-bit address.
type lowMemory []byte

func newLowMemory(t *testing.T) lowMemory {
	t.Helper()
	page, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_32BIT)
	if err != nil {
		t.Fatalf("map a page below 4 GiB: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(page); err != nil {
			t.Errorf("unmap a page: %v", err)
		}
	})
	return page
}

func (m lowMemory) address(offset int) uint32 {
	return uint32(uintptr(unsafe.Pointer(&m[offset])))
}

// put writes words at the beginning.
func (m lowMemory) put(words ...uint32) {
	for i, word := range words {
		binary.NativeEndian.PutUint32(m[4*i:], word)
	}
}

// A 32-bit program enters the kernel in another way and gets the same results.
func TestCallsOf32Bits(t *testing.T) {
	for _, way := range waysOf32(t) {
		t.Run(way.name, func(t *testing.T) {
			s, text, buffer, optlen := newSocket(t), newLowMemory(t), newLowMemory(t), newLowMemory(t)
			copy(text, "from 32 bits")
			want := uapi.Stats{Sets: 1, SetBytes: 12, Gets: 2, GetBytes: 9 + 12, Rejected: 3}
			s.wantCounts(t, want, "32-bit calls", func() {
				wantErrno(t, way.set(s, uapi.SocketOpsSet, text.address(0), 12), unix.Errno(0), "set")
				wantErrno(t, way.set(s, uapi.SocketOpsSet, text.address(0), 65), unix.EINVAL, "set of 65 bytes")
				wantErrno(t, way.set(s, uapi.SocketOpsSet, 0, 1), unix.EFAULT, "set of 1 byte at NULL")
				wantErrno(t, way.set(s, uapi.SocketOpsSet, text.address(0), -1), unix.EINVAL, "set of -1 bytes")
				wantErrno(t, way.set(s, uapi.SocketOpsLast, text.address(0), 1), unix.ENOPROTOOPT, "set of a get-only command")
				optlen.put(9)
				wantErrno(t, way.get(s, uapi.SocketOpsGet, buffer.address(0), optlen.address(0)), unix.Errno(0), "get of the greeting")
				wantBytes(t, buffer, greeting[:9], optlen)
				optlen.put(64)
				wantErrno(t, way.get(s, uapi.SocketOpsLast, buffer.address(100), optlen.address(0)), unix.Errno(0), "get of the last message")
				wantBytes(t, buffer[100:], "from 32 bits", optlen)
				wantErrno(t, way.get(s, uapi.SocketOpsGet, 0, optlen.address(0)), unix.EFAULT, "get into NULL")
				wantErrno(t, way.get(s, uapi.SocketOpsGet, buffer.address(0), 0), unix.EFAULT, "get with optlen at NULL")
			})
			guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
			wantErrno(t, way.set(s, uapi.SocketOpsSet, text.address(0), 1), unix.EPERM, "set without CAP_NET_ADMIN")
		})
	}
}

// wantBytes checks the bytes that a get has written, and that the byte after them
// is still 0.
func wantBytes(t *testing.T, buffer lowMemory, want string, optlen lowMemory) {
	t.Helper()
	length := binary.NativeEndian.Uint32(optlen)
	if got := string(buffer[:len(want)+1]); got != want+"\x00" || int(length) != len(want) {
		t.Fatalf("got %q and *optlen %d, want %q followed by a byte that was not written", got, length, want)
	}
}

// A 64-bit kernel does not run BPF programs for the calls of 32-bit programs
// (in_compat_syscall in __sys_setsockopt and __sys_getsockopt).
func TestBPFLeavesCallsOf32BitsAlone(t *testing.T) {
	attachRewriter(t, ebpf.AttachCGroupSetsockopt, bpfPut(0, 'X'), bpfPass)
	attachRewriter(t, ebpf.AttachCGroupGetsockopt, bpfPut(1, 'Y'), bpfPass)
	if strconv.IntSize == 64 {
		s := newSocket(t)
		s.store(t, "a message")
		s.wantLast(t, "XYmessage", "after 64-bit calls, which BPF rewrites")
	}
	for _, way := range waysOf32(t) {
		t.Run(way.name, func(t *testing.T) {
			s, buffer, optlen := newSocket(t), newLowMemory(t), newLowMemory(t)
			copy(buffer, "a message")
			wantErrno(t, way.set(s, uapi.SocketOpsSet, buffer.address(0), 9), unix.Errno(0), "set")
			optlen.put(64)
			wantErrno(t, way.get(s, uapi.SocketOpsLast, buffer.address(0), optlen.address(0)), unix.Errno(0), "get")
			wantBytes(t, buffer, "a message", optlen)
		})
	}
}
