package qemu

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// Requests of <linux/kvm.h> that a program on x86 needs.
const (
	kvmGetVCPUMmapSize     = 0xae04
	kvmSetTSSAddr          = 0xae47
	kvmSetUserMemoryRegion = 0x4020ae46
	kvmRun                 = 0xae80
	kvmSetRegs             = 0x4090ae82
	kvmGetSregs            = 0x8138ae83
	kvmSetSregs            = 0x4138ae84
)

// memoryRegion is struct kvm_userspace_memory_region.
type memoryRegion struct {
	slot, flags                        uint32
	guestAddress, size, processAddress uint64
}

// registers is struct kvm_regs.
type registers struct {
	rax, rbx    uint64
	_           [14]uint64
	rip, rflags uint64
}

// specialRegisters is struct kvm_sregs, which begins with the code segment.
type specialRegisters struct {
	codeBase     uint64
	codeLimit    uint32
	codeSelector uint16
	_            [298]byte
}

// Parts of struct kvm_run, and reasons why a virtual processor stopped.
const (
	exitReasonOffset = 8
	exitDetailOffset = 32
	runSize          = 4096 // the size that the kernel names is at least a page

	exitHalt          = 5
	exitFailEntry     = 9
	exitInternalError = 17
)

// The machine has one page of memory. The program begins with the page, and
// writes its sum to the middle.
const (
	pageSize  = 4096
	pageStart = 0x1000
	sumOffset = 0x800

	addend1, addend2 = 1912, 624
)

// program is code for a processor in real mode, in which it starts.
var program = []byte{
	0x01, 0xd8, // add ax, bx
	0xa3, 0x00, 0x18, // mov [0x1800], ax
	0xf4, // hlt
}

// stepRun is the step in which the virtual processor runs.
const stepRun = "KVM_RUN"

// runProgram returns nil if the virtual processor runs the program to its end.
func (t *trial) runProgram(device, vm, vcpu int) error {
	memory, err := t.mapMemory(vm)
	if err != nil {
		return err
	}
	if err := t.setRegisters(vcpu); err != nil {
		return err
	}
	size, err := t.ioctl("KVM_GET_VCPU_MMAP_SIZE", device, kvmGetVCPUMmapSize, 0)
	if err != nil {
		return err
	}
	if size < runSize {
		return fmt.Errorf("KVM_GET_VCPU_MMAP_SIZE is %d, less than a page", size)
	}
	state, err := t.mmap("mmap of the virtual processor", vcpu, size)
	if err != nil {
		return err
	}
	if _, err := t.ioctl(stepRun, vcpu, kvmRun, 0); err != nil {
		return err
	}
	if err := exitProblem(state); err != nil {
		return err
	}
	if sum := binary.LittleEndian.Uint16(memory[sumOffset:]); sum != addend1+addend2 {
		return fmt.Errorf("a virtual processor ran, but computed %d instead of %d", sum, addend1+addend2)
	}
	return nil
}

// mapMemory gives the virtual machine a page with the program.
func (t *trial) mapMemory(vm int) ([]byte, error) {
	memory, err := t.mmap("mmap of memory", -1, pageSize)
	if err != nil {
		return nil, err
	}
	copy(memory, t.program)
	region := memoryRegion{
		guestAddress:   pageStart,
		size:           pageSize,
		processAddress: uint64(uintptr(unsafe.Pointer(&memory[0]))),
	}
	err = t.ioctlPointer("KVM_SET_USER_MEMORY_REGION", vm, kvmSetUserMemoryRegion, unsafe.Pointer(&region))
	if err != nil {
		return nil, err
	}
	// Intel processors without unrestricted guests need three pages for real
	// mode. QEMU puts them at the same address.
	if _, err := t.ioctl("KVM_SET_TSS_ADDR", vm, kvmSetTSSAddr, 0xfeffd000); err != nil {
		return nil, err
	}
	return memory, nil
}

// setRegisters makes the program the next code to run. The processor is in real
// mode; its data segment begins at address 0.
func (t *trial) setRegisters(vcpu int) error {
	var special specialRegisters
	if err := t.ioctlPointer("KVM_GET_SREGS", vcpu, kvmGetSregs, unsafe.Pointer(&special)); err != nil {
		return err
	}
	special.codeBase, special.codeSelector = 0, 0
	if err := t.ioctlPointer("KVM_SET_SREGS", vcpu, kvmSetSregs, unsafe.Pointer(&special)); err != nil {
		return err
	}
	const reserved = 1 << 1 // a bit of the flags that is always set
	general := registers{rax: addend1, rbx: addend2, rip: pageStart, rflags: reserved}
	return t.ioctlPointer("KVM_SET_REGS", vcpu, kvmSetRegs, unsafe.Pointer(&general))
}

// exitProblem returns nil if the virtual processor stopped because it halted.
func exitProblem(state []byte) error {
	detail := state[exitDetailOffset:]
	switch reason := binary.NativeEndian.Uint32(state[exitReasonOffset:]); reason {
	case exitHalt:
		return nil
	case exitFailEntry:
		return fmt.Errorf("KVM_RUN: the CPU refused to enter the virtual machine (reason %#x)", binary.NativeEndian.Uint64(detail))
	case exitInternalError:
		return fmt.Errorf("KVM_RUN: internal error %d of KVM", binary.NativeEndian.Uint32(detail))
	default:
		return fmt.Errorf("KVM_RUN: exit reason %d instead of %d, a halt", reason, exitHalt)
	}
}

// ioctlPointer is do for an ioctl whose argument is a pointer.
func (t *trial) ioctlPointer(step string, fd int, request uintptr, arg unsafe.Pointer) error {
	_, err := t.do(step, func() (int, error) { return t.kernel.ioctlPointer(fd, request, arg) })
	return err
}

// mmap maps a file, or memory, until the cleanup.
func (t *trial) mmap(step string, fd, size int) ([]byte, error) {
	var memory []byte
	_, err := t.do(step, func() (n int, err error) {
		memory, err = t.kernel.mmap(fd, size)
		return 0, err
	})
	if err != nil {
		return nil, err
	}
	t.cleanup = append(t.cleanup, func() { _ = t.kernel.munmap(memory) }) // an error is no reason against KVM
	return memory, nil
}
