package qemu

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// ioctlNone is the part of a request's number that says that there is no data to
// copy. It differs between architectures.
const ioctlNone = unix.BLKRRPART &^ 0xffff

// Requests of <linux/kvm.h> for all architectures, and the version of that interface.
const (
	kvmGetAPIVersion  = ioctlNone | 0xae00
	kvmCreateVM       = ioctlNone | 0xae01
	kvmCheckExtension = ioctlNone | 0xae03
	kvmCreateVCPU     = ioctlNone | 0xae41

	kvmAPIVersion = 12 // since Linux 2.6.22
)

// run makes a virtual machine and a virtual processor. On x86, the processor runs
// a program. The cleanup closes everything.
func (t *trial) run() error {
	device, err := t.do("open "+t.device, func() (int, error) { return t.kernel.open(t.device) })
	if err != nil {
		return t.openProblem(err)
	}
	t.closeLater(device)
	if t.isX86() && !t.hasVirtualization() {
		return fmt.Errorf("%s opens, but the CPU's flags show neither vmx nor svm"+
			"; if this host is a virtual machine, enable nested virtualization for it", t.device)
	}
	if err := t.checkVersion(device); err != nil {
		return err
	}
	vm, err := t.createVM(device)
	if err != nil {
		return err
	}
	t.closeLater(vm)
	vcpu, err := t.ioctl("KVM_CREATE_VCPU", vm, kvmCreateVCPU, 0)
	if err != nil {
		return err
	}
	t.closeLater(vcpu)
	if !t.isX86() {
		return nil
	}
	return t.runProgram(device, vm, vcpu)
}

func (t *trial) closeLater(fd int) {
	t.cleanup = append(t.cleanup, func() { _ = t.kernel.close(fd) }) // an error is no reason against KVM
}

// openProblem says what to do if the device does not open.
func (t *trial) openProblem(err error) error {
	var remedy string
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if t.isX86() && t.hasVirtualization() {
			return fmt.Errorf("there is no %s: load the module kvm_intel or kvm_amd, or pass the device to the container", t.device)
		}
		return fmt.Errorf("there is no %s", t.device)
	case errors.Is(err, unix.EACCES):
		remedy = "; add yourself to its group with sudo usermod -aG kvm $USER, and log in again"
	case errors.Is(err, unix.EPERM):
		remedy = "; start the container with --device " + t.device
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		remedy = "; the module kvm_intel or kvm_amd is not loaded"
		if !t.isX86() {
			remedy = "; the kernel's KVM is not loaded"
		}
	}
	return fmt.Errorf("cannot %w%s", err, remedy)
}

func (t *trial) checkVersion(device int) error {
	version, err := t.ioctl("KVM_GET_API_VERSION", device, kvmGetAPIVersion, 0)
	if errors.Is(err, unix.ENOTTY) {
		return fmt.Errorf("%s is not KVM: %w", t.device, err)
	}
	if err != nil {
		return err
	}
	if version != kvmAPIVersion {
		return fmt.Errorf("KVM_GET_API_VERSION is %d instead of %d", version, kvmAPIVersion)
	}
	return nil
}

// createVM returns the file descriptor of a virtual machine.
func (t *trial) createVM(device int) (int, error) {
	kind, err := t.machineType(device)
	if err != nil {
		return 0, err
	}
	vm, err := t.ioctl("KVM_CREATE_VM", device, kvmCreateVM, kind)
	if errors.Is(err, unix.EBUSY) {
		return 0, fmt.Errorf("%w; stop other hypervisors, such as VirtualBox", err)
	}
	return vm, err
}

// machineType returns the argument of KVM_CREATE_VM: 0, except on arm64 if the
// processor's physical addresses have fewer bits than the 40 that 0 means there.
func (t *trial) machineType(device int) (uintptr, error) {
	if t.arch != "arm64" {
		return 0, nil
	}
	const capAddressSize, ordinary = 165, 40 // KVM_CAP_ARM_VM_IPA_SIZE
	bits, err := t.ioctl("KVM_CHECK_EXTENSION", device, kvmCheckExtension, capAddressSize)
	if err != nil || bits >= ordinary {
		return 0, err
	}
	return uintptr(bits), nil // 0 before Linux 4.20
}
