package qemu

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
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
}

var thisHost = host{device: "/dev/kvm", cpuinfo: "/proc/cpuinfo", arch: runtime.GOARCH}

// Detect returns the fastest accelerator that works on this host. If that is not
// KVM, why is the reason in a few words.
//
// It is not enough that the device opens: a host may have a nested KVM that is
// implemented in software, under which ordinary kernels do not boot. So on x86
// the CPU's flags must include vmx or svm as well.
func Detect() (a Accel, why string) { return thisHost.detect() }

func (h host) detect() (a Accel, why string) {
	f, err := os.OpenFile(h.device, os.O_RDWR, 0)
	if err != nil {
		return TCG, openProblem(h.device, err)
	}
	f.Close()
	if h.arch != "amd64" && h.arch != "386" {
		return KVM, ""
	}
	if !hasVirtualization(h.cpuinfo) {
		return TCG, fmt.Sprintf("%s opens, but the CPU's flags show neither vmx nor svm", h.device)
	}
	return KVM, ""
}

func openProblem(device string, err error) string {
	switch {
	case os.IsNotExist(err):
		return "there is no " + device
	case os.IsPermission(err):
		return fmt.Sprintf("this user may not open %s; members of the group kvm usually may", device)
	}
	return err.Error()
}

func hasVirtualization(cpuinfo string) bool {
	flags := strings.Fields(cpuField(cpuinfo, "flags"))
	return slices.Contains(flags, "vmx") || slices.Contains(flags, "svm")
}

// CPUModel returns the host processor's name and flags: everything by which a
// machine under KVM can distinguish processor models.
func CPUModel() string {
	return cpuField(thisHost.cpuinfo, "model name") + ": " + cpuField(thisHost.cpuinfo, "flags")
}

// cpuField returns a field of the first processor in a file like /proc/cpuinfo,
// or "" if it has no such field.
func cpuField(cpuinfo, want string) string {
	f, err := os.Open(cpuinfo)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) == want {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
