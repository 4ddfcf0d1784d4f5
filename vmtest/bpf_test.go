package vmtest

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// Offsets of the fields of struct bpf_sockopt, the context of a BPF program.
const (
	bpfOptval    = 8
	bpfOptvalEnd = 16
	bpfOptname   = 28
	bpfOptlen    = 32
)

// bpfPut returns instructions that write a byte to the data of a call.
func bpfPut(offset int16, value byte) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, bpfOptval, asm.DWord),
		asm.LoadMem(asm.R3, asm.R1, bpfOptvalEnd, asm.DWord),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(offset)+1),
		asm.JGT.Reg(asm.R4, asm.R3, "end"), // the verifier requires this check
		asm.StoreImm(asm.R2, offset, int64(value), asm.Byte),
	}
}

// bpfStore returns instructions that write a field of the context.
func bpfStore(field int16, value int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R2, value),
		asm.StoreMem(asm.R1, field, asm.R2, asm.Word),
	}
}

// Return values of a BPF program.
const (
	bpfRefuse = 0
	bpfPass   = 1
)

// attachRewriter attaches a BPF program that rewrites every set, or every get, in
// the guest until the test ends.
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
