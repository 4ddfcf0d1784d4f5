package qemu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fakeOpen stands for opening the device where a request is expected.
const fakeOpen = 0

// fakeKernel has a KVM that works, except as its fields say. It is good for one trial.
type fakeKernel struct {
	errs   map[uintptr]error // of requests
	hang   uintptr           // this request ends only with a signal
	stuck  chan struct{}     // if not nil, hang ends only when this is closed
	signal bool              // each request fails with EINTR the first time

	version  int    // 0 is the right one
	mmapSize int    // 0 is that of current kernels
	bits     int    // of physical addresses on arm64
	exit     uint32 // why the virtual processor stops; 0 is a halt
	detail   uint64
	wrong    int // added to the program's sum

	mu       sync.Mutex
	requests []uintptr
	kind     uintptr  // of the machine
	inUse    []string // files and mappings
	idle     chan struct{}

	region  memoryRegion
	special specialRegisters
	general registers
	memory  []byte
	state   []byte
}

// Names of the fake's files, by their descriptors.
const (
	fakeDevice = 1000 + iota
	fakeVM
	fakeVCPU
)

func newFake() *fakeKernel { return &fakeKernel{idle: make(chan struct{})} }

// enter begins a call: it fails, hangs or is recorded.
func (k *fakeKernel) enter(request uintptr) error {
	if request == k.hang && k.hang != fakeOpen {
		if k.stuck != nil {
			<-k.stuck
			return nil
		}
		_, err := unix.Poll(nil, -1)
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests = append(k.requests, request)
	if k.signal && (len(k.requests) < 2 || k.requests[len(k.requests)-2] != request) {
		return unix.EINTR
	}
	return k.errs[request]
}

func (k *fakeKernel) use(what string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.inUse = append(k.inUse, what)
}

// release ends the use of what was used last.
func (k *fakeKernel) release(what string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := len(k.inUse) - 1
	if last < 0 || k.inUse[last] != what {
		panic(fmt.Sprintf("%s is closed; in use are %q", what, k.inUse))
	}
	k.inUse = k.inUse[:last]
	if last == 0 {
		close(k.idle)
	}
	return nil
}

// checkIdle fails if the trial left something open.
func (k *fakeKernel) checkIdle(t *testing.T) {
	t.Helper()
	k.mu.Lock()
	opened := len(k.requests) > 0 && k.errs[fakeOpen] == nil
	k.mu.Unlock()
	if !opened {
		return
	}
	select {
	case <-k.idle:
	case <-time.After(10 * time.Second):
		k.mu.Lock()
		defer k.mu.Unlock()
		t.Errorf("left open: %q", k.inUse)
	}
}

func (k *fakeKernel) open(string) (int, error) {
	if err := k.enter(fakeOpen); err != nil {
		return 0, err
	}
	k.use("file 1000")
	return fakeDevice, nil
}

func (k *fakeKernel) close(fd int) error { return k.release(fmt.Sprintf("file %d", fd)) }

func (k *fakeKernel) ioctl(fd int, request, arg uintptr) (int, error) {
	if err := k.enter(request); err != nil {
		return 0, err
	}
	switch {
	case fd == fakeDevice && request == kvmGetAPIVersion:
		if k.version != 0 {
			return k.version, nil
		}
		return kvmAPIVersion, nil
	case fd == fakeDevice && request == kvmCheckExtension:
		return k.bits, nil
	case fd == fakeDevice && request == kvmGetVCPUMmapSize:
		if k.mmapSize != 0 {
			return k.mmapSize, nil
		}
		return 3 * pageSize, nil
	case fd == fakeDevice && request == kvmCreateVM:
		k.kind = arg
		k.use("file 1001")
		return fakeVM, nil
	case fd == fakeVM && request == kvmCreateVCPU:
		k.use("file 1002")
		return fakeVCPU, nil
	case fd == fakeVM && request == kvmSetTSSAddr:
		return 0, nil
	case fd == fakeVCPU && request == kvmRun:
		return 0, k.run()
	}
	panic(fmt.Sprintf("ioctl %#x of file %d", request, fd))
}

func (k *fakeKernel) ioctlPointer(fd int, request uintptr, arg unsafe.Pointer) (int, error) {
	if err := k.enter(request); err != nil {
		return 0, err
	}
	switch {
	case fd == fakeVM && request == kvmSetUserMemoryRegion:
		k.region = *(*memoryRegion)(arg)
	case fd == fakeVCPU && request == kvmGetSregs:
		// The state after a reset.
		*(*specialRegisters)(arg) = specialRegisters{codeBase: 0xffff0000, codeLimit: 0xffff, codeSelector: 0xf000}
	case fd == fakeVCPU && request == kvmSetSregs:
		k.special = *(*specialRegisters)(arg)
	case fd == fakeVCPU && request == kvmSetRegs:
		k.general = *(*registers)(arg)
	default:
		panic(fmt.Sprintf("ioctl %#x of file %d", request, fd))
	}
	return 0, nil
}

// run does what the program does, if the processor would find it.
func (k *fakeKernel) run() error {
	binary.NativeEndian.PutUint32(k.state[exitReasonOffset:], exitHalt)
	if k.exit != 0 {
		binary.NativeEndian.PutUint32(k.state[exitReasonOffset:], k.exit)
		binary.NativeEndian.PutUint64(k.state[exitDetailOffset:], k.detail)
	}
	if k.region.processAddress != uint64(uintptr(unsafe.Pointer(&k.memory[0]))) || k.region.size != uint64(len(k.memory)) {
		return fmt.Errorf("memory is %+v", k.region)
	}
	offset := k.special.codeBase + k.general.rip - k.region.guestAddress
	if offset >= k.region.size || !bytes.HasPrefix(k.memory[offset:], program) {
		return fmt.Errorf("there is no program at %#x+%#x", k.special.codeBase, k.general.rip)
	}
	sum := uint16(k.general.rax + k.general.rbx + uint64(k.wrong))
	binary.LittleEndian.PutUint16(k.memory[sumOffset:], sum)
	return nil
}

func (k *fakeKernel) mmap(fd, size int) ([]byte, error) {
	memory := make([]byte, size)
	switch fd {
	case -1:
		k.memory = memory
	case fakeVCPU:
		k.state = memory
	default:
		panic(fmt.Sprintf("mmap of file %d", fd))
	}
	k.use(fmt.Sprintf("mapping %p", memory))
	return memory, nil
}

func (k *fakeKernel) munmap(memory []byte) error { return k.release(fmt.Sprintf("mapping %p", memory)) }
