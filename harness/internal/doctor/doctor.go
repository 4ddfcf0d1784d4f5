// Package doctor examines a host as a run of tests would use it, for kmodtest doctor.
package doctor

import (
	"context"
	"os"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/hardware"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images/cache"
)

// State is the result of one check.
type State string

// The results of a check.
const (
	OK      State = "ok"
	Warning State = "warning" // a run works, but it is slower or not as complete as it could be
	Broken  State = "broken"  // a run fails
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"` // what was looked at, such as "QEMU"
	State  State  `json:"state"`
	Found  string `json:"found"`            // what is there, or what is missing
	Remedy string `json:"remedy,omitempty"` // what to do: a command of this system where there is one; "" if the state is OK
}

// Works reports whether a run would work: whether no finding is Broken.
func Works(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.State == Broken })
}

// Host is what the checks look at. The zero value of a string means that the check uses the default
// of a run.
type Host struct {
	Dir    string // directory of the package whose tests would run
	Kernel string // name or path of the kernel
	Arch   string // the kernel's architecture, as GOARCH
	QEMU   string // QEMU's program
	CC     string // the compiler of modules
	Accel  func() (qemu.Accel, string)
	Space  func(path string) (free uint64, err error) // bytes that this user can write to a path's file system
	System string                                     // path of os-release(5)
	Memory string                                     // path of the host's /proc/meminfo
	Group  string                                     // directory of this process's cgroup
}

// ThisHost returns the host for the tests of a package in dir, with the environment of this process.
func ThisHost(dir string) Host {
	return Host{
		Dir: dir, Kernel: os.Getenv("KMODTEST_KERNEL"), Arch: os.Getenv("KMODTEST_ARCH"), QEMU: os.Getenv("KMODTEST_QEMU"), CC: os.Getenv("CC"),
		Accel: qemu.Detect, Space: freeSpace, System: "/etc/os-release", Memory: "/proc/meminfo", Group: ownGroup(),
	}
}

// Examine makes all checks, in an order in which an author would mend them. It fetches and builds
// nothing.
func (h Host) Examine(ctx context.Context) []Finding {
	var findings []Finding
	cached, noCache := cache.Dir()
	if noCache != nil {
		findings = append(findings, Finding{"cache", Broken, noCache.Error(), "set HOME"})
	}
	name, goarch, err := hardware.KernelName(request.Config{}, h.Kernel, h.Arch)
	if err != nil {
		return append(findings, Finding{"kernel", Broken, err.Error(), "correct KMODTEST_KERNEL or KMODTEST_ARCH"})
	}
	h.Kernel = name
	found, kernel := h.kernel(ctx)
	if kernel != nil {
		goarch = kernel.Arch
	}
	b, err := board.Of(goarch)
	if err != nil {
		return append(findings, Finding{"QEMU", Broken, err.Error(), "choose another kernel"})
	}
	findings = append(findings, h.golang(ctx), h.qemu(ctx, b), h.kvm(b), found, h.compiler(ctx, kernel), h.program("make", "make"))
	if noCache == nil {
		findings = append(findings, h.cacheDir(cached), h.space(cached, kernel != nil), h.snapshots(cached))
	}
	return append(append(findings, h.memory(), h.processors()), h.tests(ctx)...)
}
