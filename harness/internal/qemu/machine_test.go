package qemu

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// argsOf returns the command line of a machine with TCG.
func argsOf(t *testing.T, c Config) []string {
	t.Helper()
	c.Accel, c.Kernel, c.Initramfs = TCG, "/boot/my kernel", "/boot/initramfs"
	args, err := c.Args()
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// withoutSandbox removes the arguments that depend on the host.
func withoutSandbox(args []string) []string {
	if i := slices.Index(args, "-sandbox"); i >= 0 {
		return slices.Delete(args, i, i+2)
	}
	return args
}

const kernelArgs = "console=ttyS0 loglevel=5 panic=-1 oops=panic printk.devkmsg=on no_timer_check unknown_nmi_panic " +
	"sysrq_always_enabled irqaffinity=0 rcupdate.rcu_expedited=1 rdinit=/init"

func TestArgs(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	// The variables of the module that makes the command line have no effect here.
	for _, name := range []string{"VMTEST_QEMU", "VMTEST_KERNEL", "VMTEST_KERNEL_APPEND", "VMTEST_QEMU_APPEND", "VMTEST_INITRAMFS", "VMTEST_TIMEOUT"} {
		t.Setenv(name, "unused")
	}
	program, _ := script(t, "exit 0")
	for name, c := range map[string]struct {
		config Config
		change func(args []string) []string // of the usual arguments
	}{
		"usual": {Config{}, func(args []string) []string { return args }},
		"size": {Config{CPUs: 3, Memory: 700}, func(args []string) []string {
			return replaced(args, "2,sockets=2", "3,sockets=3", "512M", "700M")
		}},
		"saved": {Config{RAM: &RAM{File: "/m,1", Incoming: true, Private: true}}, func(args []string) []string {
			return inserted(args, "512M", "-incoming", "defer",
				"-object", "memory-backend-file,id=ram,size=512M,mem-path=/m,,1,share=off", "-machine", "memory-backend=ram")
		}},
		"nodes": {Config{NUMA: 2, CPUs: 5, Memory: 513, RAM: &RAM{File: "/m"}}, func(args []string) []string {
			return inserted(replaced(args, "2,sockets=2", "5,sockets=5", "512M", "513M"), "513M",
				"-object", "memory-backend-ram,id=node0,size=256M", "-numa", "node,nodeid=0,cpus=0-1,memdev=node0",
				"-object", "memory-backend-ram,id=node1,size=257M", "-numa", "node,nodeid=1,cpus=2-4,memdev=node1")
		}},
		"nodes of the user": {Config{Arguments: []string{"-numa", "node"}, RAM: &RAM{File: "/m"}}, func(args []string) []string {
			return inserted(args, "chardev=monitor,mode=control", "-numa", "node")
		}},
		"devices and parameters": {Config{Arguments: []string{"-device", "edu"}, KernelArgs: []string{"a", `b="1 2"`}}, func(args []string) []string {
			return inserted(replaced(args, kernelArgs, kernelArgs+` a b="1 2"`), "chardev=monitor,mode=control", "-device", "edu")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Arch, c.config.Binary = "amd64", program
			want := c.change([]string{
				"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
				"-machine", "pc", "-accel", "tcg", "-cpu", "max,la57=off,cx16=off,erms=off,fsrm=off", "-smp", "2,sockets=2", "-m", "512M",
				"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
				"-chardev", "socket,id=records,fd=3", "-device", "virtio-serial-pci,ioeventfd=off",
				"-device", "virtserialport,chardev=records,name=kmodtest.records",
				"-chardev", "socket,id=monitor,fd=4", "-mon", "chardev=monitor,mode=control",
				"-kernel", "/boot/my kernel", "-append", kernelArgs, "-initrd", "/boot/initramfs",
			})
			if diff := cmp.Diff(want, withoutSandbox(argsOf(t, c.config))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParametersForFasterBootPrecedeOthers(t *testing.T) {
	program, _ := script(t, "exit 0")
	long := strings.Repeat("a", 2047-len(kernelArgs+" ")) // fits alone
	short := long[:len(long)-len("emulated boot ")]
	for _, c := range []struct {
		accel Accel
		user  string
		want  string
	}{{TCG, "user", "emulated boot user"}, {KVM, "user", "boot user"}, {TCG, short, "emulated boot " + short}, {TCG, "a" + short, "a" + short}, {TCG, long, long}} {
		config := Config{Arch: "amd64", Binary: program, Accel: c.accel, Kernel: "/boot/kernel", BootArgs: []string{"boot"}, EmulatedArgs: []string{"emulated"}, KernelArgs: []string{c.user}}
		args, err := config.Args()
		if err != nil {
			t.Fatal(err)
		}
		line := args[slices.Index(args, "-append")+1]
		if _, got, _ := strings.Cut(line, "rdinit=/init "); got != c.want {
			t.Errorf("%s, %d bytes: got %d bytes, %.30q, want %d, %.30q", c.accel, len(c.user), len(got), got, len(c.want), c.want)
		}
	}
}

func TestRestoredMachineLoadsKernelOnlyWhereQEMUNeedsIt(t *testing.T) {
	program, _ := script(t, "exit 0")
	for _, c := range []struct {
		arch     string
		incoming bool
		want     bool
	}{{"amd64", true, true}, {"amd64", false, true}, {"arm64", true, false}, {"arm64", false, true}} {
		args := argsOf(t, Config{Arch: c.arch, Binary: program, RAM: &RAM{File: "/m", Incoming: c.incoming}})
		for _, option := range []string{"-kernel", "-initrd", "-append"} {
			if got := slices.Contains(args, option); got != c.want {
				t.Errorf("%s, restored: %v: has %s: %v, want %v", c.arch, c.incoming, option, got, c.want)
			}
		}
	}
}

// replaced returns args with some words replaced: old, new, old, new.
func replaced(args []string, pairs ...string) []string {
	args = slices.Clone(args)
	for i := 0; i < len(pairs); i += 2 {
		args[slices.Index(args, pairs[i])] = pairs[i+1]
	}
	return args
}

// inserted returns args with words after another word.
func inserted(args []string, after string, words ...string) []string {
	return slices.Insert(slices.Clone(args), slices.Index(args, after)+1, words...)
}

func TestImpossibleMachines(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string // part of the error; "" for none
	}{
		{Config{}, ""},
		{Config{Arch: "amd64", CPUs: 255, NUMA: 255}, ""},
		{Config{Arch: "amd64", CPUs: 256}, "256 CPUs are too many: a machine has at most 255"},
		{Config{Arch: "amd64", NUMA: 3}, "3 NUMA nodes are too many for 2 CPUs"},
		{Config{Arch: "s390x", NUMA: 1}, "a machine for s390x has no NUMA nodes"},
		{Config{Arch: "s390x", Accel: KVM}, "KVM cannot run a kernel for s390x"},
		{Config{Arch: "mips"}, "there is no machine for kernels of mips"},
	} {
		err := c.config.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.config, err, c.want)
		}
	}
}

func TestArchitecturesHaveMachines(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	program, _ := script(t, "exit 0")
	for goarch, want := range map[string][]string{
		"arm64":   {"-machine virt,gic-version=max", "-device virtio-serial-pci", "-device pcie-root-port,id=kmodtest-port8,chassis=9", "console=ttyAMA0"},
		"riscv64": {"-machine virt ", "-device virtio-serial-pci", "console=ttyS0"},
		"s390x":   {"-machine s390-ccw-virtio", "-device virtio-serial-ccw", "console=ttysclp0"},
	} {
		got := strings.Join(argsOf(t, Config{Arch: goarch, Binary: program}), " ")
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q is missing in %s", goarch, part, got)
			}
		}
		for _, part := range []string{"no_timer_check", "unknown_nmi_panic"} {
			if strings.Contains(got, part) {
				t.Errorf("%s: %s is for x86 only: %s", goarch, part, got)
			}
		}
	}
}

func TestMissingEmulatorNamesItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for program, want := range map[string]string{
		"qemu-system-x86_64": "apt-get install qemu-system-x86;", "qemu-system-aarch64": "apt-get install qemu-system-arm;",
		"qemu-system-s390x": "dnf install qemu-system-s390x-core)",
	} {
		if _, err := Find(program); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", program, err, want)
		}
	}
}

func TestFleetingMachinesAreNotSaved(t *testing.T) {
	for goarch, want := range map[string]string{"amd64": "", "arm64": "", "riscv64": "processors of riscv64", "s390x": "processors of s390x"} {
		if got := (Config{Arch: goarch}).Unsaved(); got != want {
			t.Errorf("%s: got %q, want %q", goarch, got, want)
		}
	}
}
