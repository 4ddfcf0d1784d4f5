package vmtest

import (
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attachSetRewriter attaches a BPF program that puts an X in place of the first
// byte of what setsockopt is called with, and so has the kernel hand the module
// a copy of its own.
func attachSetRewriter(t *testing.T) {
	t.Helper()
	program := [...]uint64{
		0x0000_0000_0008_1279, // r2 = r1->optval
		0x0000_0000_0010_1379, // r3 = r1->optval_end
		0x0000_0000_0000_24bf, // r4 = r2
		0x0000_0001_0000_0407, // r4 += 1
		0x0000_0000_0001_342d, // if r4 > r3 goto +1
		0x0000_0058_0000_0272, // *(u8 *)r2 = 'X'
		0x0000_0001_0000_00b7, // r0 = 1
		0x0000_0000_0000_0095, // exit
	}
	license := []byte("GPL\x00")
	load := struct {
		kind, count   uint32
		code, license uint64
		_             [44]byte
		attachType    uint32
	}{
		kind: unix.BPF_PROG_TYPE_CGROUP_SOCKOPT, count: uint32(len(program)),
		code: uint64(uintptr(unsafe.Pointer(&program))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
		attachType: unix.BPF_CGROUP_SETSOCKOPT,
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&load)), unsafe.Sizeof(load))
	runtime.KeepAlive(&program)
	runtime.KeepAlive(license)
	if errno != 0 {
		t.Fatalf("load BPF program: %v", errno)
	}
	t.Cleanup(func() { _ = unix.Close(int(fd)) })
	group, err := unix.Open("/sys/fs/cgroup", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open the root of all control groups: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(group) })
	attach := struct{ target, program, kind, flags uint32 }{uint32(group), uint32(fd), unix.BPF_CGROUP_SETSOCKOPT, 0}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_ATTACH, uintptr(unsafe.Pointer(&attach)), unsafe.Sizeof(attach)); errno != 0 {
		t.Fatalf("attach BPF program: %v", errno)
	}
	t.Cleanup(func() {
		if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_DETACH, uintptr(unsafe.Pointer(&attach)), unsafe.Sizeof(attach)); errno != 0 {
			t.Errorf("detach BPF program: %v", errno)
		}
	})
}

func TestSetTakesMessageThatBPFHasRewritten(t *testing.T) {
	attachSetRewriter(t)
	s := newSocket(t)
	wantErrno(t, s.trySet("a message"), nil, "set that a BPF program has rewritten, and whose message so lies in the kernel's memory")
	want := "X message"
	if strconv.IntSize == 32 {
		want = "a message" // __sys_setsockopt runs no such program for a 32-bit caller on a 64-bit kernel
	}
	s.wantLast(t, want, "after a set that a BPF program has rewritten")
}
