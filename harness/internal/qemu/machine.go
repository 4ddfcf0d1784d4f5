// Package qemu starts QEMU, and makes sure that it ends.
package qemu

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Machine describes a virtual machine. All of it but CPUs and Memory must be
// given.
type Machine struct {
	Binary    string // QEMU's system emulator: a path, or a name in PATH
	Accel     Accel
	Kernel    string // path of the boot image
	Initramfs string // path of the initramfs, not compressed or as the kernel can
	CPUs      int    // virtual CPUs; 0 means 2
	Memory    int    // MiB; 0 means 512
	RAM       *RAM   // nil for memory that is never saved
	// InTurns has TCG run the virtual CPUs in turns on one thread, which costs
	// less where there are as many machines as processors. What was saved
	// with it can be restored without, and the other way round.
	InTurns bool
}

// Binary is the name of QEMU's system emulator for this kind of machine.
const Binary = "qemu-system-x86_64"

// What a machine has whose fields are zero.
const (
	defaultCPUs   = 2
	defaultMemory = 512 // MiB
)

// File descriptors in QEMU's process, behind standard input, output and error.
const (
	channelFile = 3 + iota
	monitorFile
)

// Args returns the whole command line but for the program's name.
func (m Machine) Args() []string {
	confinement, _ := Confinement(m.Binary)
	var args []string
	for _, part := range [][]string{
		bare(),
		confinement,
		m.processor(),
		m.memory(),
		m.boot(),
		console(),
		channel(),
		control(),
	} {
		args = append(args, part...)
	}
	return args
}

// bare leaves out every device that is not asked for, and all configuration
// that the user may have. A guest that wants to reboot, as a panicking kernel
// does, ends QEMU.
func bare() []string {
	return []string{"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"}
}

// emulatedCPU is all that TCG can, but for what kernels are better off without:
//   - la57: five-level page tables cost the emulated MMU a level of walks and gain
//     nothing in a small guest.
//   - cx16: QEMU 7.2 leaves stale flags behind cmpxchg16b, and an interrupt in that
//     moment brings them, trap flag and all, into the kernel. Linux 6.12, which
//     uses the instruction for each small allocation, then dies in every second
//     boot.
//   - erms: kernels that see it copy and clear memory byte by byte, of which TCG
//     makes a loop.
//   - fsrm: newer versions of QEMU claim it, and no processor has it without erms.
//     The memmove of Linux 6.1 then overruns short copies, and the kernel hangs as
//     it boots.
const emulatedCPU = "max,la57=off,cx16=off,erms=off,fsrm=off"

func (m Machine) processor() []string {
	// A socket for each: the firmware's table for kernels without ACPI leaves
	// out all but the first core of one.
	smp := fmt.Sprintf("%[1]d,sockets=%[1]d", cmp.Or(m.CPUs, defaultCPUs))
	accel, cpu := string(m.Accel), "host"
	if m.Accel == TCG {
		cpu = emulatedCPU
		if m.InTurns {
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

func (m Machine) memory() []string {
	size := strconv.Itoa(cmp.Or(m.Memory, defaultMemory)) + "M"
	args := []string{"-m", size}
	if m.RAM == nil {
		return args
	}
	share := "on"
	if m.RAM.Private {
		share = "off"
	}
	if m.RAM.Incoming {
		args = append(args, "-incoming", "defer")
	}
	return append(args,
		"-object", fmt.Sprintf("memory-backend-file,id=ram,size=%s,mem-path=%s,share=%s", size, escape(m.RAM.File), share),
		"-machine", "memory-backend=ram")
}

// Offset is where in the memory's file an address of the guest's physical memory
// lies.
func (m Machine) Offset(address uint64) int64 {
	// A machine of the kind pc has 3 GiB below the devices, and the rest from
	// 4 GiB on, unless all of it is less than 3.5 GiB.
	const gib, least = 1 << 30, 3584 // bytes, MiB
	if cmp.Or(m.Memory, defaultMemory) >= least && address >= 4*gib {
		address -= gib
	}
	return int64(address)
}

// escape makes a value of an option that QEMU splits at commas.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }

func (m Machine) boot() []string {
	args := []string{
		"console=ttyS0",
		"loglevel=5",        // the log comes over the channel; the console is for reports of faults, of which it may be the only witness
		"panic=-1",          // a panic ends the machine at once
		"oops=panic",        // and so does an oops: the thread that died in the kernel would leave others waiting
		"printk.devkmsg=on", // do not limit what user space writes to the log
		// A kernel without paravirtual clocks counts ticks as it boots, and
		// panics where a busy host was slow to deliver them.
		"no_timer_check",
		// For a machine that hangs (Press, Strike): answer any key on the
		// console, and die of an NMI. The first processor gets both: if it
		// takes no keys, it is the one whose backtrace is wanted.
		"sysrq_always_enabled",
		"unknown_nmi_panic",
		"irqaffinity=0",
		// Unloading a module and ending a network namespace wait for RCU
		// grace periods, which take long where CPUs are emulated.
		"rcupdate.rcu_expedited=1",
		"rdinit=/init",
	}
	return []string{"-kernel", m.Kernel, "-initrd", m.Initramfs, "-append", strings.Join(args, " ")}
}

// consoleName is QEMU's name for where the serial line leads.
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

// control is the monitor through which QEMU takes commands.
func control() []string {
	return []string{
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFile),
		"-mon", "chardev=monitor,mode=control",
	}
}
