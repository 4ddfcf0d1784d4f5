package vmtest

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// All of the memory is readable, as a file that a program has read by mistake.
func TestSetRejectsLongMessageUpToMebibyte(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	memory := mapPages(t, 1<<20)
	for i := range memory {
		memory[i] = 'm'
	}
	at := uintptr(unsafe.Pointer(&memory[0]))
	for size := int32(8 << 10); size <= 1<<20; size *= 2 {
		for _, near := range []int32{size - 1, size} {
			wantErrno(t, s.set(uapi.SocketOpsSet, at, near), unix.EINVAL, "set of %d bytes", near)
		}
		got, err := s.get(uapi.SocketOpsLast, at, size)
		wantErrno(t, err, nil, "get into %d bytes", size)
		if text := string(memory[:6]); got != 4 || text != "keptmm" {
			t.Fatalf("get into %d bytes: *optlen is now %d and the memory begins with %q, want 4 and the message", size, got, text)
		}
		copy(memory, "mmmm")
	}
}
