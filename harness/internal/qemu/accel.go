package qemu

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/cpuinfo"
)

// Accel is how QEMU runs the guest's instructions.
type Accel string

// The accelerators that a Config can have.
const (
	KVM Accel = "kvm" // on the processor itself
	TCG Accel = "tcg" // emulated by QEMU: works everywhere, slower
)

// host holds the inputs of the choice of an accelerator; tests use their own.
type host struct {
	device  string // /dev/kvm
	cpuinfo string // /proc/cpuinfo
	arch    string // runtime.GOARCH of the host
	kernel  kernel
	program []byte        // what the virtual processor runs on x86
	limit   time.Duration // how long that may take
}

var thisHost = host{
	device:  "/dev/kvm",
	cpuinfo: cpuinfo.Path,
	arch:    runtime.GOARCH,
	kernel:  hostKernel{},
	program: program,
	limit:   2 * time.Second,
}

// Detect returns the fastest accelerator that works on this host. If that is not
// KVM, why is the reason and the remedy in a few words.
//
// It is not enough that the device opens: a host may have a nested KVM that is
// implemented in software, under which ordinary kernels do not boot. So on x86
// the CPU's flags must include vmx or svm as well, and then a virtual processor
// must run. A KVM that hangs is given up after 2 seconds, and its calls are
// interrupted. The virtual machine is closed in the background, because that takes
// as long as the rest.
func Detect() (a Accel, why string) { return thisHost.detect() }

func (h host) detect() (a Accel, why string) {
	if err := h.tryKVM(); err != nil {
		return TCG, err.Error()
	}
	return KVM, ""
}

func (h host) isX86() bool { return h.arch == "amd64" || h.arch == "386" }

// hasVirtualization reports whether an x86 processor can run virtual machines.
func (h host) hasVirtualization() bool {
	flags := strings.Fields(cpuinfo.Field(h.cpuinfo, "flags"))
	return slices.Contains(flags, "vmx") || slices.Contains(flags, "svm")
}

// CPUModel returns the host processor's name and flags: everything by which a
// machine under KVM can distinguish processor models.
func CPUModel() string {
	return cpuinfo.Field(thisHost.cpuinfo, "model name") + ": " + cpuinfo.Field(thisHost.cpuinfo, "flags")
}
