package qemu

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cpuinfoFile writes a file like /proc/cpuinfo.
func cpuinfoFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cpuinfo")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const intelFlags = "processor\t: 0\nflags\t\t: fpu vme vmx ssse3\n"

// fakeHost has an Intel processor and the fake's KVM.
func fakeHost(t testing.TB, k *fakeKernel) host {
	t.Helper()
	return host{device: "/dev/kvm", cpuinfo: cpuinfoFile(t, intelFlags), arch: "amd64", kernel: k, program: program, limit: time.Minute}
}

// check fails unless detection chooses KVM, or TCG for the reason why.
func check(t *testing.T, h host, why string) {
	t.Helper()
	want := TCG
	if why == "" {
		want = KVM
	}
	if a, got := h.detect(); a != want || got != why {
		t.Errorf("got %s (%s)\nwant %s (%s)", a, got, want, why)
	}
}

func TestDetectNeedsFlagsOnX86Only(t *testing.T) {
	const noFlags = "/dev/kvm opens, but the CPU's flags show neither vmx nor svm" +
		"; if this host is a virtual machine, enable nested virtualization for it"
	for name, c := range map[string]struct{ arch, cpuinfo, why string }{
		"Intel":                   {"amd64", intelFlags, ""},
		"AMD":                     {"amd64", "flags\t\t: fpu svm\n", ""},
		"32-bit binary":           {"386", intelFlags, ""},
		"KVM in software":         {"amd64", "flags\t\t: fpu vme hypervisor vmxish\n", noFlags},
		"KVM in software, 32-bit": {"386", "flags\t\t: fpu\n", noFlags},
		"ARM":                     {"arm64", "Features\t: fp asimd\n", ""},
		"IBM Z":                   {"s390x", "features\t: esan3 zarch\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := newFake()
			h := fakeHost(t, k)
			h.arch, h.cpuinfo = c.arch, cpuinfoFile(t, c.cpuinfo)
			check(t, h, c.why)
			k.checkIdle(t)
			if c.why != "" && len(k.requests) > 1 {
				t.Errorf("used a KVM that may hang: requests %#x", k.requests)
			}
			if ran := slices.Contains(k.requests, kvmRun); ran != (c.why == "" && h.isX86()) {
				t.Errorf("the virtual processor ran: %t", ran)
			}
		})
	}
}

type requestErrors = map[uintptr]error

// fakeCase is a KVM, and why it is not used.
type fakeCase struct {
	fake *fakeKernel
	why  string
}

func checkEach(t *testing.T, cases map[string]fakeCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.fake.idle = make(chan struct{})
			check(t, fakeHost(t, c.fake), c.why)
			c.fake.checkIdle(t)
		})
	}
}

func TestDetectWithDeviceThatDoesNotOpen(t *testing.T) {
	checkEach(t, map[string]fakeCase{
		"no device": {
			&fakeKernel{errs: requestErrors{fakeOpen: unix.ENOENT}},
			"there is no /dev/kvm: load the module kvm_intel or kvm_amd, or pass the device to the container",
		},
		"no permission": {
			&fakeKernel{errs: requestErrors{fakeOpen: unix.EACCES}},
			"cannot open /dev/kvm: permission denied; add yourself to its group with sudo usermod -aG kvm $USER, and log in again",
		},
		"device denied to the container": {
			&fakeKernel{errs: requestErrors{fakeOpen: unix.EPERM}},
			"cannot open /dev/kvm: operation not permitted; start the container with --device /dev/kvm",
		},
		"no module": {
			&fakeKernel{errs: requestErrors{fakeOpen: unix.ENODEV}},
			"cannot open /dev/kvm: no such device; the module kvm_intel or kvm_amd is not loaded",
		},
		"no driver": {
			&fakeKernel{errs: requestErrors{fakeOpen: unix.ENXIO}},
			"cannot open /dev/kvm: no such device or address; the module kvm_intel or kvm_amd is not loaded",
		},
		"no descriptor left": {
			&fakeKernel{errs: requestErrors{fakeOpen: unix.EMFILE}},
			"cannot open /dev/kvm: too many open files",
		},
	})
}

func TestDetectWithKVMThatFails(t *testing.T) {
	checkEach(t, map[string]fakeCase{
		"not KVM": {
			&fakeKernel{errs: requestErrors{kvmGetAPIVersion: unix.ENOTTY}},
			"/dev/kvm is not KVM: KVM_GET_API_VERSION: inappropriate ioctl for device",
		},
		"no version": {
			&fakeKernel{errs: requestErrors{kvmGetAPIVersion: unix.EPERM}},
			"KVM_GET_API_VERSION: operation not permitted",
		},
		"another version": {&fakeKernel{version: 11}, "KVM_GET_API_VERSION is 11 instead of 12"},
		"no machine": {
			&fakeKernel{errs: requestErrors{kvmCreateVM: unix.ENOMEM}},
			"KVM_CREATE_VM: cannot allocate memory",
		},
		"another hypervisor": {
			&fakeKernel{errs: requestErrors{kvmCreateVM: unix.EBUSY}},
			"KVM_CREATE_VM: device or resource busy; stop other hypervisors, such as VirtualBox",
		},
		"no processor": {
			&fakeKernel{errs: requestErrors{kvmCreateVCPU: unix.EINVAL}},
			"KVM_CREATE_VCPU: invalid argument",
		},
		"no memory": {
			&fakeKernel{errs: requestErrors{kvmSetUserMemoryRegion: unix.EEXIST}},
			"KVM_SET_USER_MEMORY_REGION: file exists",
		},
		"no task state":  {&fakeKernel{errs: requestErrors{kvmSetTSSAddr: unix.EINVAL}}, "KVM_SET_TSS_ADDR: invalid argument"},
		"registers":      {&fakeKernel{errs: requestErrors{kvmSetSregs: unix.EINVAL}}, "KVM_SET_SREGS: invalid argument"},
		"small state":    {&fakeKernel{mmapSize: 100}, "KVM_GET_VCPU_MMAP_SIZE is 100, less than a page"},
		"does not run":   {&fakeKernel{errs: requestErrors{kvmRun: unix.EFAULT}}, "KVM_RUN: bad address"},
		"not entered":    {&fakeKernel{exit: 9, detail: 0x80000021}, "KVM_RUN: the CPU refused to enter the virtual machine (reason 0x80000021)"},
		"internal error": {&fakeKernel{exit: 17, detail: 1}, "KVM_RUN: internal error 1 of KVM"},
		"shutdown":       {&fakeKernel{exit: 8}, "KVM_RUN: exit reason 8 instead of 5, a halt"},
		"wrong sum":      {&fakeKernel{wrong: 1}, "a virtual processor ran, but computed 2537 instead of 2536"},
		"signals":        {&fakeKernel{signal: true}, ""},
		"success":        {&fakeKernel{}, ""},
	})
}

func TestDetectWithoutVirtualizationNamesNoModule(t *testing.T) {
	h := fakeHost(t, &fakeKernel{errs: requestErrors{fakeOpen: unix.ENOENT}})
	h.cpuinfo = os.DevNull
	check(t, h, "there is no /dev/kvm")
	h.arch, h.kernel = "arm64", &fakeKernel{errs: requestErrors{fakeOpen: unix.ENODEV}}
	check(t, h, "cannot open /dev/kvm: no such device; the kernel's KVM is not loaded")
}

func TestDetectAbandonsKVMThatHangs(t *testing.T) {
	for step, request := range map[string]uintptr{
		"KVM_CREATE_VM did not return":       kvmCreateVM,
		"KVM_SET_TSS_ADDR did not return":    kvmSetTSSAddr,
		"a virtual processor did not run":    kvmRun,
		"KVM_GET_API_VERSION did not return": kvmGetAPIVersion,
	} {
		k := newFake()
		k.hang = request
		h := fakeHost(t, k)
		h.limit = 100 * time.Millisecond
		check(t, h, step+" within 100ms")
		k.checkIdle(t) // the signal ended the call
	}
}

func TestDetectLeavesThreadThatIgnoresSignals(t *testing.T) {
	k := newFake()
	k.hang, k.stuck = kvmRun, make(chan struct{})
	h := fakeHost(t, k)
	h.limit = 100 * time.Millisecond
	check(t, h, "a virtual processor did not run within 100ms")
	select {
	case <-k.idle:
		t.Error("the machine was closed during KVM_RUN")
	default:
	}
	close(k.stuck)
	k.checkIdle(t)
}

func TestMachineTypeFitsAddressesOfARM(t *testing.T) {
	for bits, want := range map[int]uintptr{0: 0, 36: 36, 40: 0, 48: 0} {
		k := newFake()
		k.bits = bits
		h := fakeHost(t, k)
		h.arch = "arm64"
		check(t, h, "")
		if k.kind != want {
			t.Errorf("%d bits: got the type %d, want %d", bits, k.kind, want)
		}
	}
}

// Files of the wrong kind do not block, and are not taken for KVM.
func TestDetectWithOtherFiles(t *testing.T) {
	dir := t.TempDir()
	regular, fifo := filepath.Join(dir, "regular"), filepath.Join(dir, "fifo")
	if err := os.WriteFile(regular, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]string{
		regular:       regular + " is not KVM: KVM_GET_API_VERSION: inappropriate ioctl for device",
		fifo:          fifo + " is not KVM: KVM_GET_API_VERSION: inappropriate ioctl for device",
		os.DevNull:    os.DevNull + " is not KVM: KVM_GET_API_VERSION: inappropriate ioctl for device",
		dir:           "cannot open " + dir + ": is a directory",
		dir + "/none": "there is no " + dir + "/none: load the module kvm_intel or kvm_amd, or pass the device to the container",
	} {
		h := fakeHost(t, nil)
		h.device, h.kernel = path, hostKernel{}
		check(t, h, why)
	}
}

// The request's number contains the size of the structure, which is that of C.
func TestSizesOfStructures(t *testing.T) {
	for request, size := range map[uint32]uintptr{
		kvmSetUserMemoryRegion: unsafe.Sizeof(memoryRegion{}),
		kvmSetRegs:             unsafe.Sizeof(registers{}),
		kvmGetSregs:            unsafe.Sizeof(specialRegisters{}),
		kvmSetSregs:            unsafe.Sizeof(specialRegisters{}),
	} {
		if want := uintptr(request >> 16 & 0x3fff); size != want {
			t.Errorf("request %#x: got %d bytes, want %d", request, size, want)
		}
	}
}

// Whatever KVM this host has, detection ends in time, gives a reason if it is not
// usable, and closes its files.
func TestDetectOnThisHost(t *testing.T) {
	start := time.Now()
	a, why := Detect()
	took := time.Since(start)
	t.Logf("%s (%s) after %v", a, why, took)
	if (a == KVM) != (why == "") {
		t.Errorf("got %s (%s)", a, why)
	}
	if took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	checkNoKVMFiles(t)
}

// checkNoKVMFiles fails if this process keeps a file of KVM open.
func checkNoKVMFiles(t *testing.T) {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	for {
		files := kvmFiles(t)
		if len(files) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("left open: %q", files)
		}
		time.Sleep(time.Millisecond)
	}
}

// kvmFiles returns the names of KVM's files that this process has open.
func kvmFiles(t *testing.T) (open []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("open files: %q, %v", files, err)
	}
	for _, file := range files {
		name, err := os.Readlink(file)
		if err == nil && (name == thisHost.device || strings.HasPrefix(name, "anon_inode:kvm-")) {
			open = append(open, name)
		}
	}
	return open
}

func TestDetectAbandonsProgramWithoutEnd(t *testing.T) {
	h := thisHost
	if a, why := h.detect(); a != KVM || !h.isX86() {
		t.Skipf("needs a usable KVM on x86: %s", why)
	}
	h.program = []byte{0xeb, 0xfe} // jmp to itself
	h.limit = 5 * time.Second      // enough to open the device on a busy host
	check(t, h, "a virtual processor did not run within 5s")
	checkNoKVMFiles(t)
}

// BenchmarkDetect measures this host's KVM, or how quickly it is found unusable.
func BenchmarkDetect(b *testing.B) {
	for b.Loop() {
		Detect()
	}
}

// BenchmarkTrial measures what a trial costs besides the work of the kernel.
func BenchmarkTrial(b *testing.B) {
	h := fakeHost(b, nil)
	for b.Loop() {
		h.kernel = newFake()
		if a, why := h.detect(); a != KVM {
			b.Fatal(why)
		}
	}
}
