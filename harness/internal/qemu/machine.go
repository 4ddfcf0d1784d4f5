// Package qemu starts QEMU, confines it, and makes sure that it ends.
package qemu

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

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
	RAM       *RAM   // nil for memory that is never saved
	// InTurns makes TCG run the virtual CPUs in turns on one thread, which is
	// cheaper if there are as many machines as processors. A machine saved
	// with it can be restored without it, and vice versa.
	InTurns bool
}

// Binary is the name of QEMU's system emulator for this kind of machine.
const Binary = "qemu-system-x86_64"

// Defaults for the fields of a Machine that are zero.
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
func (c Config) Args() []string {
	confinement, _ := Confinement(c.Binary)
	var args []string
	for _, part := range [][]string{
		bare(),
		confinement,
		c.processor(),
		c.memory(),
		c.boot(),
		console(),
		channel(),
		control(),
	} {
		args = append(args, part...)
	}
	return args
}

// bare leaves out all default devices and the user's configuration. When the
// guest reboots, as a panicking kernel does, QEMU exits.
func bare() []string {
	return []string{"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"}
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

func (c Config) processor() []string {
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
	return []string{
		"-machine", "pc",
		"-accel", accel,
		"-cpu", cpu,
		"-smp", smp,
	}
}

func (c Config) memory() []string {
	size := strconv.Itoa(cmp.Or(c.Memory, defaultMemory)) + "M"
	args := []string{"-m", size}
	if c.RAM == nil {
		return args
	}
	share := "on"
	if c.RAM.Private {
		share = "off"
	}
	if c.RAM.Incoming {
		args = append(args, "-incoming", "defer")
	}
	return append(args,
		"-object", fmt.Sprintf("memory-backend-file,id=ram,size=%s,mem-path=%s,share=%s", size, escape(c.RAM.File), share),
		"-machine", "memory-backend=ram")
}

// Offset returns the offset in the memory's file of a guest physical address.
func (c Config) Offset(address uint64) int64 {
	// QEMU's machine type pc puts 3 GiB below the devices and the rest at
	// 4 GiB, if there are at least 3.5 GiB of memory.
	const gib, least = 1 << 30, 3584 // bytes, MiB
	if cmp.Or(c.Memory, defaultMemory) >= least && address >= 4*gib {
		address -= gib
	}
	return int64(address)
}

// escape doubles the commas in the value of an option, which QEMU splits at commas.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }

func (c Config) boot() []string {
	args := []string{
		"console=ttyS0",
		"loglevel=5",        // the kernel log is sent over the channel; the console is for fault reports, which may appear only there
		"panic=-1",          // a panic ends the machine at once
		"oops=panic",        // as does an oops: others could wait forever for the thread that died in the kernel
		"printk.devkmsg=on", // do not limit what user space writes to the kernel log
		// A kernel without paravirtual clocks counts ticks during boot, and
		// panics if a busy host delivers them late.
		"no_timer_check",
		// For a machine that hangs (Press, Strike): answer any key on the
		// console, and panic on an NMI. The first processor gets both: if it
		// takes no keys, its backtrace is the one of interest.
		"sysrq_always_enabled",
		"unknown_nmi_panic",
		"irqaffinity=0",
		// Unloading a module and destroying a network namespace wait for RCU
		// grace periods, which take long on emulated CPUs.
		"rcupdate.rcu_expedited=1",
		"rdinit=/init",
	}
	return []string{"-kernel", c.Kernel, "-initrd", c.Initramfs, "-append", strings.Join(args, " ")}
}

// consoleName is QEMU's identifier for the other end of the serial line.
const consoleName = "console"

// console is the kernel's serial line, on QEMU's standard output and input.
func console() []string {
	return []string{"-chardev", "stdio,id=" + consoleName + ",signal=off", "-serial", "chardev:" + consoleName}
}

// channel is the virtio-serial port that carries the records.
func channel() []string {
	return []string{
		"-chardev", fmt.Sprintf("socket,id=records,fd=%d", channelFile),
		"-device", "virtio-serial-pci",
		"-device", "virtserialport,chardev=records,name=" + wire.Port,
	}
}

// control is the monitor that takes commands for QEMU.
func control() []string {
	return []string{
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFile),
		"-mon", "chardev=monitor,mode=control",
	}
}
