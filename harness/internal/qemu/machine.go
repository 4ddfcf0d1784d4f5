// Package qemu starts QEMU, confines it, and makes sure that it ends.
package qemu

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	vmtest "github.com/hugelgupf/vmtest/qemu"

	"github.com/kmodtest/kmodtest/harness/internal/kernelargs"
	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Config describes a virtual machine. Binary, Accel, Kernel and Initramfs are
// required.
type Config struct {
	Arch      string // of the kernel, as GOARCH; "" is that of the host
	Binary    string // QEMU's system emulator: a path, or a name in PATH
	Accel     Accel
	Kernel    string // path of the boot image
	Initramfs string // path of the initramfs, uncompressed or in a format that the kernel supports
	CPUs      int    // virtual CPUs; 0 means 2
	Memory    int    // MiB; 0 means 512
	NUMA      int    // nodes that share the CPUs and the memory; 0 for a machine without nodes
	RAM       *RAM   // nil for memory that is never saved; nodes have memory of their own

	KernelArgs   []string // kernel parameters, from kernelargs.Parse
	BootArgs     []string // parameters before these, unless all are too long: the kernel boots faster with them
	EmulatedArgs []string // the same, but only for TCG
	Arguments    []string // QEMU's further arguments, from ParseArguments
	Dir          string   // where relative paths in Arguments start; "" is the working directory

	// InTurns makes TCG run the virtual CPUs in turns on one thread, which is
	// cheaper if there are as many machines as processors. A machine saved
	// with it can be restored without it, and vice versa.
	InTurns bool
}

// Defaults for the fields of a Config that are zero.
const (
	defaultCPUs   = 2
	defaultMemory = 512 // MiB
)

// File descriptors in QEMU's process, after standard input, output and error.
const (
	channelFile = 3 + iota
	monitorFile
)

// Args returns QEMU's command line without the program's name. It includes the
// arguments of Confinement.
func (c Config) Args() ([]string, error) {
	b, err := board.Of(c.Arch)
	if err != nil {
		return nil, err
	}
	// OptionsFor would read VMTEST_ variables of the environment.
	options, alloc := &vmtest.Options{}, vmtest.NewIDAllocator()
	for _, apply := range []vmtest.Fn{
		bare(),
		confined(c.Binary),
		c.processor(b),
		c.memory(),
		c.boot(b),
		console(),
		channel(b),
		ports(b),
		control(),
		vmtest.WithQEMUArgs(c.Arguments...), // last: the console is the first serial line
	} {
		if err := apply(alloc, options); err != nil {
			return nil, err
		}
	}
	return options.Cmdline()
}

// Drivers returns the kernel's drivers of the channel, in loading order.
func (c Config) Drivers() []string {
	b, _ := board.Of(c.Arch) // Check has found it
	return b.Drivers
}

// MemorySize returns the size of the memory, in MiB.
func (c Config) MemorySize() int { return cmp.Or(c.Memory, defaultMemory) }

// Check returns an error if QEMU has no such machine.
func (c Config) Check() error {
	b, err := board.Of(c.Arch)
	if err != nil {
		return err
	}
	cpus, memory := cmp.Or(c.CPUs, defaultCPUs), c.MemorySize()
	if cpus > b.MaxCPUs {
		return fmt.Errorf("%d CPUs are too many: a machine has at most %d", cpus, b.MaxCPUs)
	}
	if c.NUMA > 0 && !b.NUMA {
		return fmt.Errorf("a machine for %s has no NUMA nodes", b.Arch)
	}
	if c.Accel == KVM && !b.IsNative() {
		return fmt.Errorf("KVM cannot run a kernel for %s on this host: only emulation can, with KMODTEST_ACCEL=tcg or without that variable", b.Arch)
	}
	if c.NUMA > cpus || c.NUMA > memory {
		return fmt.Errorf("%d NUMA nodes are too many for %d CPUs and %d MiB", c.NUMA, cpus, memory)
	}
	return nil
}

// bare leaves out all default devices and the user's configuration. When the
// guest reboots, as a panicking kernel does, QEMU exits.
func bare() vmtest.Fn {
	return vmtest.WithQEMUArgs("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot")
}

func confined(binary string) vmtest.Fn {
	args, _ := Confinement(binary)
	return vmtest.WithQEMUArgs(args...)
}

func (c Config) processor(b board.Board) vmtest.Fn {
	// One socket per CPU: the firmware's table for kernels without ACPI lists
	// only the first core of each socket.
	smp := fmt.Sprintf("%[1]d,sockets=%[1]d", cmp.Or(c.CPUs, defaultCPUs))
	accel, cpu := string(c.Accel), "host"
	if c.Accel == TCG {
		cpu = b.CPU
		if c.InTurns {
			accel += ",thread=single"
		}
	}
	return vmtest.WithQEMUArgs(
		"-machine", b.Machine,
		"-accel", accel,
		"-cpu", cpu,
		"-smp", smp,
	)
}

func (c Config) memory() vmtest.Fn {
	size := strconv.Itoa(c.MemorySize()) + "M"
	args := []string{"-m", size}
	switch {
	case c.NUMA > 0:
		args = append(args, c.nodes()...)
	case c.RAM != nil && !c.HasNodes():
		args = append(args, c.RAM.arguments(size)...)
	}
	return vmtest.WithQEMUArgs(args...)
}

// Offset returns the offset in the memory's file of a guest physical address.
func (c Config) Offset(address uint64) int64 {
	b, _ := board.Of(c.Arch) // a machine has one
	return b.Offset(address, c.MemorySize(), c.machineOptions())
}

// escape doubles the commas in the value of an option, which QEMU splits at commas.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }

func (c Config) boot(b board.Board) vmtest.Fn {
	if b.RestoresAlone && c.Accel == TCG && c.RAM != nil && c.RAM.Incoming {
		return vmtest.All()
	}
	return vmtest.All(
		vmtest.WithKernel(c.Kernel),
		vmtest.WithInitramfs(c.Initramfs),
		vmtest.WithAppendKernel(slices.Concat(kernelargs.Own(b), c.kernelArgs(b))...),
	)
}

// kernelArgs returns the kernel parameters after those that the harness relies on.
func (c Config) kernelArgs(b board.Board) []string {
	args := slices.Concat(c.BootArgs, c.KernelArgs)
	if c.Accel == TCG {
		args = slices.Concat(c.EmulatedArgs, args)
	}
	if kernelargs.Fit(args, b) {
		return args
	}
	return c.KernelArgs
}

// consoleName is QEMU's identifier for the other end of the serial line.
const consoleName = "console"

// console is the kernel's serial line, on QEMU's standard output and input.
func console() vmtest.Fn {
	return vmtest.WithQEMUArgs("-chardev", "stdio,id="+consoleName+",signal=off", "-serial", "chardev:"+consoleName)
}

// channel is the port for records. Linux spins until QEMU has taken them: without ioeventfd no thread has to wake up.
func channel(b board.Board) vmtest.Fn {
	return vmtest.WithQEMUArgs(
		"-chardev", fmt.Sprintf("socket,id=records,fd=%d", channelFile),
		"-device", b.Device("virtio-serial")+",ioeventfd=off",
		"-device", "virtserialport,chardev=records,name="+wire.Port,
	)
}

// ports are the places for devices that are attached to a running machine, where its bus has none by itself.
func ports(b board.Board) vmtest.Fn {
	var args []string
	for i := range b.Ports {
		args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=%s,chassis=%d", board.Port(i), i+1))
	}
	return vmtest.WithQEMUArgs(args...)
}

// control is the monitor that takes commands for QEMU.
func control() vmtest.Fn {
	return vmtest.WithQEMUArgs(
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFile),
		"-mon", "chardev=monitor,mode=control",
	)
}
