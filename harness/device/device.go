// Package device adds devices to the machine of a test package, described by the
// functions of github.com/hugelgupf/vmtest/qemu and the packages below it:
//
//	func TestMain(m *testing.M) {
//		harness.Main(m, harness.Config{Devices: device.List(
//			qnetwork.HostNetwork("192.168.0.0/24"),
//			qemu.ArbitraryArgs("-device", "virtio-rng-pci"),
//		)})
//	}
//
// It is a package of its own so that the test binaries of other packages do not link
// that module.
package device

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strings"

	"github.com/hugelgupf/vmtest/qemu"
)

// List returns a function for harness.Config.Devices that applies fns in their order
// and returns QEMU's arguments and the kernel parameters that they add. A function
// that is nil is left out.
//
// The machine is an x86-64 PC, so qemu.IfArch and the like see qemu.ArchAMD64, and no
// VMTEST_ variable is read, except that one for a function of qfirmware. A function
// that does more than to add arguments is an error: tasks, serial output and open
// files need the process that starts QEMU, and the kernel, the initramfs, the QEMU
// program and the timeout are those of the harness.
func List(fns ...qemu.Fn) func() (arguments, kernelArgs []string, err error) {
	return func() (arguments, kernelArgs []string, err error) {
		options, err := qemu.OptionsFor(qemu.ArchAMD64, reset)
		if err != nil {
			return nil, nil, err
		}
		alloc := qemu.NewIDAllocator()
		for i, fn := range fns {
			if fn == nil {
				continue
			}
			err := fn(alloc, options)
			if err == nil {
				err = problem(options)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("function %d of the list (%s): %w", i+1, name(fn), err)
			}
		}
		if options.KernelArgs != "" {
			kernelArgs = []string{options.KernelArgs}
		}
		return options.QEMUArgs, kernelArgs, nil
	}
}

// reset removes the settings that OptionsFor reads from the environment.
func reset(_ *qemu.IDAllocator, o *qemu.Options) error {
	o.QEMUCommand, o.Kernel, o.KernelArgs, o.Initramfs = "", "", "", ""
	o.QEMUArgs, o.VMTimeout = nil, 0
	return nil
}

// problem returns an error if a function has set more than arguments.
func problem(o *qemu.Options) error {
	switch {
	case o.QEMUCommand != "":
		return errors.New("it sets QEMU's command; set KMODTEST_QEMU, or add arguments")
	case o.Kernel != "":
		return errors.New("it sets the kernel; set harness.Config.Kernel")
	case o.Initramfs != "":
		return errors.New("it sets the initramfs; the harness makes it, and harness.Config.Files adds files")
	case o.VMTimeout != 0:
		return errors.New("it sets a timeout; set -timeout of go test")
	case len(o.SerialOutput) > 0:
		return errors.New("it reads the serial line, which the harness reads; KMODTEST_KERNEL_LOG=1 prints the kernel log")
	case len(o.Tasks) > 0:
		return errors.New("it adds a task, but the test binary does not run on the host while QEMU runs; start the task outside of the tests")
	case len(o.ExtraFiles) > 0:
		return errors.New("it passes an open file to QEMU; name a path instead")
	}
	return nil
}

// closure is the part of a name that the compiler gives to a function in another one.
var closure = regexp.MustCompile(`^func\d+$`)

// name returns the name of the function that has made fn, such as WithTask. The
// compiler may have inlined that into its caller: then its package is not known.
func name(fn qemu.Fn) string {
	f := runtime.FuncForPC(reflect.ValueOf(fn).Pointer())
	if f == nil {
		return "without a name"
	}
	parts := strings.Split(f.Name(), ".")
	for len(parts) > 1 && closure.MatchString(parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	return parts[len(parts)-1]
}
