package board

// boards is the table of the machines.
var boards = []Board{
	{
		Arch: "amd64", Program: "qemu-system-x86_64", Machine: "pc", MaxCPUs: 255, NUMA: true,
		Debian: "qemu-system-x86", Fedora: "qemu-system-x86-core",
		// All features that TCG supports, except:
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
		CPU: "max,la57=off,cx16=off,erms=off,fsrm=off",
		Bus: "pci", Drivers: []string{"virtio_pci", "virtio_console"},
		Console: "ttyS0", MaxKernelArgs: 2047, NMI: true,
		KernelArgs: []string{
			// A kernel without paravirtual clocks counts ticks during boot, and
			// panics if a busy host delivers them late.
			"no_timer_check",
			"unknown_nmi_panic", // for Strike
		},
	},
	{
		Arch: "arm64", Program: "qemu-system-aarch64", Machine: "virt,gic-version=max", MaxCPUs: 255, NUMA: true,
		Debian: "qemu-system-arm", Fedora: "qemu-system-aarch64-core",
		// All features that TCG supports, with these changes:
		//   - pauth-impdef: the architecture's own algorithm for signed pointers makes a boot three times as long.
		//   - lpa2: kernels before 5.12 do not boot with it.
		CPU: "max,pauth-impdef=on,lpa2=off",
		Bus: "pci", Ports: 9, Drivers: []string{"virtio_pci", "virtio_console"},
		Console: "ttyAMA0", MaxKernelArgs: 2047,
		RestoresAlone: true, // with them, it takes twice as long
		base:          1 << 30,
	},
	{
		Arch: "riscv64", Program: "qemu-system-riscv64", Machine: "virt", MaxCPUs: 255, NUMA: true,
		Debian: "qemu-system", // all emulators: the package with this one has another name since Debian 13
		Fedora: "qemu-system-riscv-core",
		CPU:    "rv64", // QEMU has max since version 8.2
		Bus:    "pci", Ports: 9, Drivers: []string{"virtio_pci", "virtio_console"},
		Console: "ttyS0", MaxKernelArgs: 1023,
		Fleeting: true, // QEMU 7.2: six of six restored machines with two processors did not respond
		base:     2 << 30,
	},
	{
		Arch: "s390x", Program: "qemu-system-s390x", Machine: "s390-ccw-virtio", MaxCPUs: 248,
		Debian: "qemu-system", // all emulators: the package with this one has another name since Debian 13
		Fedora: "qemu-system-s390x-core",
		CPU:    "max",
		Bus:    "ccw", Drivers: []string{"virtio_console"}, // virtio_ccw is always built in
		Console: "ttysclp0", MaxKernelArgs: 895, KeyPrefix: "^-", NMI: true,
		Fleeting: true, // QEMU 7.2: one of three restored machines did not take the job's files
	},
}
