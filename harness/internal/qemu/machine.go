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
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Config describes a virtual machine. Binary, Accel, Kernel and Initramfs are
// required.
type Config struct {
	Binary    string // QEMU's system emulator: a path, or a name in PATH
	Accel     Accel
	Kernel    string // path of the boot image
	Initramfs string // path of the initramfs, uncompressed or in a format that the kernel supports
	CPUs      int    // virtual CPUs; 0 means 2
	Memory    int    // MiB; 0 means 512
	NUMA      int    // nodes that share the CPUs and the memory; 0 for a machine without nodes
	RAM       *RAM   // nil for memory that is never saved; nodes have memory of their own

	KernelArgs []string // kernel parameters, from kernelargs.Parse
	Arguments  []string // QEMU's further arguments, from ParseArguments
	Dir        string   // where relative paths in Arguments start; "" is the working directory

	// InTurns makes TCG run the virtual CPUs in turns on one thread, which is
	// cheaper if there are as many machines as processors. A machine saved
	// with it can be restored without it, and vice versa.
	InTurns bool
}

// Binary is the name of QEMU's system emulator for this kind of machine.
const Binary = "qemu-system-x86_64"

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
	// OptionsFor would read VMTEST_ variables of the environment.
	options, alloc := &vmtest.Options{}, vmtest.NewIDAllocator()
	for _, apply := range []vmtest.Fn{
		bare(),
		confined(c.Binary),
		c.processor(),
		c.memory(),
		c.boot(),
		console(),
		channel(),
		control(),
		vmtest.WithQEMUArgs(c.Arguments...), // last: the console is the first serial line
	} {
		if err := apply(alloc, options); err != nil {
			return nil, err
		}
	}
	return options.Cmdline()
}

// Check returns an error if QEMU has no such machine.
func (c Config) Check() error {
	cpus, memory := cmp.Or(c.CPUs, defaultCPUs), cmp.Or(c.Memory, defaultMemory)
	if cpus > maxCPUs {
		return fmt.Errorf("%d CPUs are too many: a machine has at most %d", cpus, maxCPUs)
	}
	if c.NUMA > cpus || c.NUMA > memory {
		return fmt.Errorf("%d NUMA nodes are too many for %d CPUs and %d MiB", c.NUMA, cpus, memory)
	}
	return nil
}

// maxCPUs is the limit of QEMU's machine type pc.
const maxCPUs = 255

// bare leaves out all default devices and the user's configuration. When the
// guest reboots, as a panicking kernel does, QEMU exits.
func bare() vmtest.Fn {
	return vmtest.WithQEMUArgs("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot")
}

func confined(binary string) vmtest.Fn {
	args, _ := Confinement(binary)
	return vmtest.WithQEMUArgs(args...)
}

// emulatedCPU has all features that TCG supports, except:
//   - la57: five-level page tables cost the emulated MMU one more level of walks and
//     are of no use in a small guest.
//   - cx16: QEMU 7.2 leaves stale flags after cmpxchg16b, and an interrupt at that
//     moment carries them, the trap flag included, into the kernel. Linux 6.12, which
//     uses the instruction in each small allocation, then dies in every second
//     boot.
//   - erms: kernels that see it copy and clear memory byte by byte, which TCG
//     translates to a loop.
//   - fsrm: newer versions of QEMU claim it, and no processor has it without erms.
//     The memmove of Linux 6.1 then overruns short copies, and the kernel hangs
//     during boot.
const emulatedCPU = "max,la57=off,cx16=off,erms=off,fsrm=off"

func (c Config) processor() vmtest.Fn {
	// One socket per CPU: the firmware's table for kernels without ACPI lists
	// only the first core of each socket.
	smp := fmt.Sprintf("%[1]d,sockets=%[1]d", cmp.Or(c.CPUs, defaultCPUs))
	accel, cpu := string(c.Accel), "host"
	if c.Accel == TCG {
		cpu = emulatedCPU
		if c.InTurns {
			accel += ",thread=single"
		}
	}
	return vmtest.WithQEMUArgs(
		"-machine", "pc",
		"-accel", accel,
		"-cpu", cpu,
		"-smp", smp,
	)
}

func (c Config) memory() vmtest.Fn {
	size := strconv.Itoa(cmp.Or(c.Memory, defaultMemory)) + "M"
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
	// QEMU puts this much memory below the devices and the rest at 4 GiB.
	const mib, gib = 1 << 20, 1 << 30
	low, least := uint64(3*gib), 3584*mib // of the machine type pc
	if c.machineType() == "q35" {
		low, least = 2*gib, 2816*mib
	}
	if cmp.Or(c.Memory, defaultMemory)*mib >= least && address >= 4*gib {
		address -= 4*gib - low
	}
	return int64(address)
}

// escape doubles the commas in the value of an option, which QEMU splits at commas.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }

func (c Config) boot() vmtest.Fn {
	return vmtest.All(
		vmtest.WithKernel(c.Kernel),
		vmtest.WithInitramfs(c.Initramfs),
		vmtest.WithAppendKernel(slices.Concat(kernelargs.Own(), c.KernelArgs)...),
	)
}

// consoleName is QEMU's identifier for the other end of the serial line.
const consoleName = "console"

// console is the kernel's serial line, on QEMU's standard output and input.
func console() vmtest.Fn {
	return vmtest.WithQEMUArgs("-chardev", "stdio,id="+consoleName+",signal=off", "-serial", "chardev:"+consoleName)
}

// channel is the virtio-serial port that carries the records. Linux waits, with interrupts
// off, until QEMU has taken what it writes: without ioeventfd the thread of the processor
// takes it, and no other thread of QEMU has to wake up first.
func channel() vmtest.Fn {
	return vmtest.WithQEMUArgs(
		"-chardev", fmt.Sprintf("socket,id=records,fd=%d", channelFile),
		"-device", "virtio-serial-pci,ioeventfd=off",
		"-device", "virtserialport,chardev=records,name="+wire.Port,
	)
}

// control is the monitor that takes commands for QEMU.
func control() vmtest.Fn {
	return vmtest.WithQEMUArgs(
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFile),
		"-mon", "chardev=monitor,mode=control",
	)
}
