//go:build kvm

package nested

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Requests of <linux/kvm.h>.
const (
	createVM      = 0xae01
	createVCPU    = 0xae41
	createIRQChip = 0xae60
)

// module is the KVM of the outer machine's processor.
const module = "kvm_amd"

// oneProcessor is a kernel parameter: the outer machine starts with one processor of two.
const oneProcessor = "maxcpus=1"

// held are file descriptors of virtual machines that never run. The outer kernel changes
// its code when KVM is loaded, when the first machine begins and when the last one
// ends, mostly that of the scheduler, and for the first virtual processor of each kind.
// QEMU 7.2, with a thread for each processor, may translate code while another
// processor changes it. Then a processor hits the breakpoint of an unfinished change
// without end, although it is gone from memory. So the second processor is off
// until these machines exist. As long as they do, nothing is changed.
var held []int

// hold loads KVM and makes the machines, unless they exist.
func hold() error {
	if held != nil {
		return nil
	}
	if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
		return fmt.Errorf("modprobe %s: %w\n%s", module, err, out)
	}
	dev, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: device, Err: err}
	}
	held = append(held, dev)
	for _, requests := range [][]uint{{createVCPU}, {createIRQChip, createVCPU}} {
		vm, err := request(dev, createVM)
		if err != nil {
			return err
		}
		for _, r := range requests {
			if _, err := request(vm, r); err != nil {
				return err
			}
		}
	}
	return os.WriteFile("/sys/devices/system/cpu/cpu1/online", []byte("1"), 0)
}

// request calls an ioctl with the argument 0. It keeps the file descriptor that the ioctl
// returns, if any.
func request(fd int, number uint) (int, error) {
	n, err := unix.IoctlRetInt(fd, number)
	if err != nil {
		return 0, fmt.Errorf("request %#x of KVM: %w", number, err)
	}
	if n > 0 {
		held = append(held, n)
		unix.CloseOnExec(n)
	}
	return n, nil
}
