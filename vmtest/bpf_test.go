package vmtest

import (
	"strconv"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// The fields of struct bpf_sockopt, as which a BPF program sees a call.
const (
	bpfOptval    = 8
	bpfOptvalEnd = 16
	bpfOptname   = 28
	bpfOptlen    = 32
)

// bpfPut writes a byte into the data of a call.
func bpfPut(offset int16, value byte) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, bpfOptval, asm.DWord),
		asm.LoadMem(asm.R3, asm.R1, bpfOptvalEnd, asm.DWord),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(offset)+1),
		asm.JGT.Reg(asm.R4, asm.R3, "end"), // the verifier wants to see this
		asm.StoreImm(asm.R2, offset, int64(value), asm.Byte),
	}
}

// bpfStore writes a field of a call.
func bpfStore(field int16, value int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R2, value),
		asm.StoreMem(asm.R1, field, asm.R2, asm.Word),
	}
}

// A verdict is what a BPF program returns.
const (
	bpfRefuse = 0
	bpfPass   = 1
)

// attachRewriter lets a BPF program rewrite every set, or every get, of the
// whole guest until the test ends.
func attachRewriter(t *testing.T, calls ebpf.AttachType, rewrite asm.Instructions, verdict int32) {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:       ebpf.CGroupSockopt,
		AttachType: calls,
		License:    "GPL",
		Instructions: append(rewrite,
			asm.Mov.Imm(asm.R0, verdict).WithSymbol("end"),
			asm.Return(),
		),
	})
	if err != nil {
		t.Fatalf("load BPF program: %v", err)
	}
	defer func() { _ = program.Close() }()
	attached, err := link.AttachCgroup(link.CgroupOptions{Path: "/sys/fs/cgroup", Attach: calls, Program: program})
	if err != nil {
		t.Fatalf("attach BPF program: %v", err)
	}
	t.Cleanup(func() {
		if err := attached.Close(); err != nil {
			t.Errorf("detach BPF program: %v", err)
		}
	})
}

// The kernel shows no BPF program the calls of a 32-bit program on a 64-bit
// kernel (in_compat_syscall in __sys_setsockopt and __sys_getsockopt).
func TestBPFLeavesCallsOf32BitsAlone(t *testing.T) {
	attachRewriter(t, ebpf.AttachCGroupSetsockopt, bpfPut(0, 'X'), bpfPass)
	attachRewriter(t, ebpf.AttachCGroupGetsockopt, bpfPut(1, 'Y'), bpfPass)
	if strconv.IntSize == 64 {
		s := newSocket(t)
		s.store(t, "a message")
		s.wantLast(t, "XYmessage", "by calls of 64 bits, which BPF rewrites")
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
