package adopt

import (
	"os"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// edu is a PCI device of QEMU that computes factorials.
func edu() (arguments, kernelArgs []string, err error) {
	return []string{"-device", "edu"}, nil, nil
}

func drivesDevice(t *testing.T) {
	write(t, "/sys/bus/pci/drivers/igb_uio/new_id", "1234 11e8")
	f := open(t, "/dev/uio0", os.O_RDWR)
	registers, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(registers) }()
	register := func(offset int) *uint32 { return (*uint32)(unsafe.Pointer(&registers[offset])) }
	const identification, factorial, status = 0x00, 0x08, 0x20
	if got := atomic.LoadUint32(register(identification)); got != 0x010000ed {
		t.Errorf("the device's identification is %#x, want 0x10000ed", got)
	}
	atomic.StoreUint32(register(factorial), 5)
	for atomic.LoadUint32(register(status))&1 != 0 { // it computes
	}
	if got := atomic.LoadUint32(register(factorial)); got != 120 {
		t.Errorf("the factorial of 5 is %d, want 120", got)
	}
}
